// SPDX-License-Identifier: GPL-2.0-only
/*
 * The workloads of the image's VBENCH on Linux's own vmalloc, with the same number of
 * threads, each on its own processor. The log gets a line for each workload and thread:
 *
 *	vmbench: NAME pages: P cpus: C cpu: I loops: L ns: T
 *
 * T is the duration of all loops. The module works while it is being loaded and then refuses to
 * stay loaded.
 */

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

/* As in VBENCH: live regions, and the last step of the growth. */
#define BUSY 15000
#define BUSY_LONG 100
#define GROWTH_BYTES (16UL << 20)
#define RANDOM_PAGES 100
/* Loops between two reads of the clock. */
#define LOOPS_TIMED 16
#define CPUS_MAX 64

static unsigned int ms = 300;
module_param(ms, uint, 0);
MODULE_PARM_DESC(ms, "longest duration of a workload in milliseconds");

static unsigned int cpus[2] = { 1 };
static int cpus_count = 1;
module_param_array(cpus, uint, &cpus_count, 0);
MODULE_PARM_DESC(cpus, "number of processors at once: one number or two");

struct work {
	const struct workload *workload;
	unsigned long pages;
	unsigned int cpus;
	unsigned int cpu;
	u64 random;
	unsigned long loops;
	u64 ns;
	int error;
};

struct workload {
	const char *name;
	/* Allocates the resources of the loop, runs one loop, and frees the resources. */
	int (*prepare)(struct work *work);
	int (*step)(struct work *work);
	void (*finish)(struct work *work);
};

static void *held[CPUS_MAX][BUSY];
static struct page **frames[CPUS_MAX];
static atomic_t ready;
static atomic_t running;
static DECLARE_COMPLETION(all_done);

/* Marsaglia's xorshift: the same sequence of numbers as in the image. */
static u64 draw(struct work *work)
{
	work->random ^= work->random << 13;
	work->random ^= work->random >> 7;
	work->random ^= work->random << 17;
	return work->random >> 16;
}

static int pair(struct work *work)
{
	void *region = vmalloc(work->pages << PAGE_SHIFT);

	if (!region)
		return -ENOMEM;
	vfree(region);
	return 0;
}

static int zeroed_pair(struct work *work)
{
	void *region = vzalloc(work->pages << PAGE_SHIFT);

	if (!region)
		return -ENOMEM;
	vfree(region);
	return 0;
}

static int written_pair(unsigned long pages)
{
	char *region = vmalloc(pages << PAGE_SHIFT);

	if (!region)
		return -ENOMEM;
	WRITE_ONCE(*region, 0);
	vfree(region);
	return 0;
}

static int random_pair(struct work *work)
{
	return written_pair(1 + draw(work) % RANDOM_PAGES);
}

static void let_go(struct work *work)
{
	for (int i = 0; i < BUSY; i++) {
		vfree(held[work->cpu][i]);
		held[work->cpu][i] = NULL;
	}
}

static int hold(struct work *work)
{
	for (int i = 0; i < BUSY; i++) {
		held[work->cpu][i] = vmalloc(PAGE_SIZE);
		if (!held[work->cpu][i])
			return -ENOMEM;
	}
	return 0;
}

static int busy_list(struct work *work)
{
	char *region = vmalloc(BUSY_LONG << PAGE_SHIFT);
	char *page = vmalloc(PAGE_SIZE);

	if (region && page) {
		WRITE_ONCE(*region, 0);
		WRITE_ONCE(*page, 0);
	}
	vfree(region);
	vfree(page);
	return region && page ? 0 : -ENOMEM;
}

static void put_frames(struct work *work)
{
	struct page **list = frames[work->cpu];

	for (unsigned long i = 0; list && i < work->pages && list[i]; i++)
		__free_page(list[i]);
	kfree(list);
	frames[work->cpu] = NULL;
}

static int take_frames(struct work *work)
{
	struct page **list = kcalloc(work->pages, sizeof(*list), GFP_KERNEL);

	frames[work->cpu] = list;
	if (!list)
		return -ENOMEM;
	for (unsigned long i = 0; i < work->pages; i++) {
		list[i] = alloc_page(GFP_KERNEL);
		if (!list[i])
			return -ENOMEM;
	}
	return 0;
}

static int map_ram(struct work *work)
{
	char *map = vm_map_ram(frames[work->cpu], work->pages, NUMA_NO_NODE);

	if (!map)
		return -ENOMEM;
	WRITE_ONCE(*map, 'a');
	vm_unmap_ram(map, work->pages);
	return 0;
}

/* Doubling by a new region and a copy: vrealloc is not exported to modules. */
static int growth(struct work *work)
{
	unsigned long bytes = PAGE_SIZE;
	void *region = vmalloc(bytes);

	while (region && bytes < GROWTH_BYTES) {
		void *next = vmalloc(2 * bytes);

		if (next)
			memcpy(next, region, bytes);
		vfree(region);
		region = next;
		bytes *= 2;
	}
	vfree(region);
	return region ? 0 : -ENOMEM;
}

static const struct workload pairs = { "pair_test", .step = pair };
static const struct workload zeroed_pairs = { "zeroed_pair_test", .step = zeroed_pair };
static const struct workload others[] = {
	{ "long_busy_list_alloc_test", hold, busy_list, let_go },
	{ "random_size_alloc_test", .step = random_pair },
	{ "vm_map_ram_test", take_frames, map_ram, put_frames },
	{ "growth_test", .step = growth },
};

static void measure(struct work *work, u64 limit)
{
	const u64 start = ktime_get_ns();

	work->loops = 0;
	while (!work->error) {
		work->error = work->workload->step(work);
		work->loops += !work->error;
		if (work->loops % LOOPS_TIMED == 0) {
			if (ktime_get_ns() - start > limit)
				break;
			cond_resched();
		}
	}
	work->ns = ktime_get_ns() - start;
}

static int take_part(void *argument)
{
	struct work *work = argument;
	const struct workload *workload = work->workload;

	if (workload->prepare)
		work->error = workload->prepare(work);
	/* All begin together. */
	atomic_inc(&ready);
	while (atomic_read(&ready) < work->cpus)
		cond_resched();
	/* A first run of a quarter of the time warms the caches. */
	measure(work, (u64)ms * NSEC_PER_MSEC / 4);
	measure(work, (u64)ms * NSEC_PER_MSEC);
	if (workload->finish)
		workload->finish(work);
	if (atomic_dec_and_test(&running))
		complete(&all_done);
	return 0;
}

static int run(const struct workload *workload, unsigned long pages, unsigned int count)
{
	static struct work works[CPUS_MAX];

	atomic_set(&ready, 0);
	atomic_set(&running, count);
	reinit_completion(&all_done);
	for (unsigned int cpu = 0; cpu < count; cpu++) {
		struct task_struct *task;

		works[cpu] = (struct work){
			.workload = workload,
			.pages = pages,
			.cpus = count,
			.cpu = cpu,
			.random = cpu + 1,
		};
		task = kthread_create_on_cpu(take_part, &works[cpu], cpu, "vmbench/%u");
		/* The threads that have begun wait for this one forever: the module cannot continue. */
		if (IS_ERR(task))
			panic("vmbench: no thread for processor %u", cpu);
		wake_up_process(task);
	}
	wait_for_completion(&all_done);
	for (unsigned int cpu = 0; cpu < count; cpu++) {
		const struct work *work = &works[cpu];

		if (work->error) {
			pr_info("vmbench: failed: %s pages: %lu cpus: %u cpu: %u error: %d\n",
				workload->name, pages, count, cpu, work->error);
			return work->error;
		}
		pr_info("vmbench: %s pages: %lu cpus: %u cpu: %u loops: %lu ns: %llu\n",
			workload->name, pages, count, cpu, work->loops, work->ns);
	}
	return 0;
}

static int run_all(unsigned int count)
{
	static const unsigned long sizes[] = { 1, 4, 16, 64, 256, 4096 };
	int error = 0;

	for (int i = 0; !error && i < ARRAY_SIZE(sizes); i++)
		error = run(&pairs, sizes[i], count);
	for (int i = 0; !error && i < ARRAY_SIZE(sizes); i++)
		error = run(&zeroed_pairs, sizes[i], count);
	for (int i = 0; !error && i < ARRAY_SIZE(others); i++)
		error = run(&others[i], 1, count);
	return error;
}

static int __init vmbench_init(void)
{
	int error = 0;

	for (int i = 0; !error && i < cpus_count; i++) {
		if (cpus[i] < 1 || cpus[i] > CPUS_MAX || cpus[i] > num_online_cpus())
			return -EINVAL;
		error = run_all(cpus[i]);
	}
	pr_info("vmbench: %s\n", error ? "failed" : "done");
	return error ? error : -EAGAIN;
}

module_init(vmbench_init);
MODULE_DESCRIPTION("the workloads of VBENCH on Linux's vmalloc");
MODULE_LICENSE("GPL");
