// SPDX-License-Identifier: GPL-2.0-only
/*
 * The first and only process of the Linux guests that the image is compared with.
 *
 *	init bench PARAMETERS	loads /vmbench.ko with these parameters, then ends the guest
 *	init redis ADDRESS	brings the network up at that address and becomes /redis-server
 *
 * The words come from the kernel's command line, after "--".
 */

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/module.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The modules of a virtio network device, in the order in which they are loaded. */
static const char *const drivers[] = { "/failover.ko.xz", "/net_failover.ko.xz",
				       "/virtio_net.ko.xz" };

static void die(const char *what)
{
	perror(what);
	reboot(RB_AUTOBOOT);
	exit(1);
}

static int load(const char *path, const char *parameters, int flags)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);

	if (file < 0)
		die(path);
	return (int)syscall(SYS_finit_module, file, parameters, flags);
}

static void bench(int count, char **words)
{
	char parameters[256] = "";

	for (int i = 0; i < count; i++) {
		size_t used = strlen(parameters);

		snprintf(parameters + used, sizeof(parameters) - used, "%s ", words[i]);
	}
	/* The module refuses to stay loaded, which is not a failure; its results are in the log. */
	load("/vmbench.ko", parameters, 0);
	reboot(RB_AUTOBOOT);
}

static void set_address(int sock, const char *name, int request, const char *address)
{
	struct ifreq ifr = { 0 };
	struct sockaddr_in in = { .sin_family = AF_INET };

	strncpy(ifr.ifr_name, name, sizeof(ifr.ifr_name) - 1);
	inet_pton(AF_INET, address, &in.sin_addr);
	memcpy(&ifr.ifr_addr, &in, sizeof(in));
	if (ioctl(sock, request, &ifr) < 0)
		die(address);
}

static void bring_up(int sock, const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_UP | IFF_RUNNING };

	strncpy(ifr.ifr_name, name, sizeof(ifr.ifr_name) - 1);
	if (ioctl(sock, SIOCSIFFLAGS, &ifr) < 0)
		die(name);
}

static void redis(const char *address)
{
	int sock = socket(AF_INET, SOCK_DGRAM, 0);

	for (size_t i = 0; i < sizeof(drivers) / sizeof(*drivers); i++)
		if (load(drivers[i], "", MODULE_INIT_COMPRESSED_FILE) < 0)
			die(drivers[i]);
	if (sock < 0)
		die("socket");
	set_address(sock, "eth0", SIOCSIFADDR, address);
	set_address(sock, "eth0", SIOCSIFNETMASK, "255.255.255.0");
	bring_up(sock, "lo");
	bring_up(sock, "eth0");
	execl("/redis-server", "redis-server", "--bind", "0.0.0.0", "--protected-mode", "no",
	      "--save", "", "--appendonly", "no", NULL);
	die("/redis-server");
}

int main(int count, char **words)
{
	/* Words that the kernel did not understand precede ours. */
	for (int i = 1; i < count; i++) {
		if (!strcmp(words[i], "bench"))
			bench(count - i - 1, words + i + 1);
		if (!strcmp(words[i], "redis") && i + 1 < count)
			redis(words[i + 1]);
	}
	die("init: neither bench nor redis with an address");
}
