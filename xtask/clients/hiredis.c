/* The image by hiredis. Every line checks a value.
 *
 *     hiredis PORT
 */

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGE (1 << 20)

static int checks;

static void check(int condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "%s\n", what);
        exit(1);
    }
    checks += 1;
}

/* A reply of this type with these bytes, which is freed. */
static void is(redisReply *reply, int type, const char *text, size_t length)
{
    if (reply == NULL || reply->type != type || reply->len != length
        || memcmp(reply->str, text, length) != 0) {
        fprintf(stderr, "not %s: type %d, %s\n", text, reply ? reply->type : -1,
                reply && reply->str ? reply->str : "");
        exit(1);
    }
    checks += 1;
    freeReplyObject(reply);
}

static void is_integer(redisReply *reply, long long value)
{
    check(reply != NULL && reply->type == REDIS_REPLY_INTEGER && reply->integer == value, "integer");
    freeReplyObject(reply);
}

static void is_nil(redisReply *reply)
{
    check(reply != NULL && reply->type == REDIS_REPLY_NIL, "nil");
    freeReplyObject(reply);
}

static redisReply *next(redisContext *c)
{
    void *reply = NULL;
    check(redisGetReply(c, &reply) == REDIS_OK, "a reply");
    return reply;
}

static void values(redisContext *c)
{
    const char every[] = "\0\1\r\n\xff";
    is(redisCommand(c, "PING"), REDIS_REPLY_STATUS, "PONG", 4);
    is(redisCommand(c, "SET k v"), REDIS_REPLY_STATUS, "OK", 2);
    is(redisCommand(c, "GET k"), REDIS_REPLY_STRING, "v", 1);
    is_nil(redisCommand(c, "SET k w NX"));
    is(redisCommand(c, "SET %b %b", every, (size_t)5, every, (size_t)5), REDIS_REPLY_STATUS, "OK", 2);
    is(redisCommand(c, "GET %b", every, (size_t)5), REDIS_REPLY_STRING, every, 5);
    is(redisCommand(c, "SET e %b", "", (size_t)0), REDIS_REPLY_STATUS, "OK", 2);
    is(redisCommand(c, "GET e"), REDIS_REPLY_STRING, "", 0);
    is_integer(redisCommand(c, "APPEND k w"), 2);
    is_integer(redisCommand(c, "EXPIRE k 100"), 1);
    is_integer(redisCommand(c, "PERSIST k"), 1);
    is_integer(redisCommand(c, "DEL k e %b", every, (size_t)5), 3);
    is_nil(redisCommand(c, "GET k"));
    char *large = malloc(LARGE);
    check(large != NULL, "memory");
    memset(large, 'x', LARGE);
    is(redisCommand(c, "SET large %b", large, (size_t)LARGE), REDIS_REPLY_STATUS, "OK", 2);
    is(redisCommand(c, "GET large"), REDIS_REPLY_STRING, large, LARGE);
    is_integer(redisCommand(c, "UNLINK large"), 1);
    free(large);
}

static void pipelines(redisContext *c)
{
    for (int number = 0; number < 1000; number++)
        check(redisAppendCommand(c, "SET p:%d %d", number, number) == REDIS_OK, "append");
    for (int number = 0; number < 1000; number++)
        is(next(c), REDIS_REPLY_STATUS, "OK", 2);
    redisReply *page = redisCommand(c, "DBSIZE");
    is_integer(page, 1000);
    redisAppendCommand(c, "MULTI");
    redisAppendCommand(c, "GET p:7");
    redisAppendCommand(c, "NOSUCH");
    redisAppendCommand(c, "EXEC");
    redisAppendCommand(c, "PING");
    is(next(c), REDIS_REPLY_STATUS, "OK", 2);
    is(next(c), REDIS_REPLY_STATUS, "QUEUED", 6);
    redisReply *error = next(c);
    check(error->type == REDIS_REPLY_ERROR && strncmp(error->str, "ERR unknown", 11) == 0, "error");
    freeReplyObject(error);
    error = next(c);
    check(error->type == REDIS_REPLY_ERROR && strncmp(error->str, "EXECABORT", 9) == 0, "abort");
    freeReplyObject(error);
    is(next(c), REDIS_REPLY_STATUS, "PONG", 4);
    redisAppendCommand(c, "MULTI");
    redisAppendCommand(c, "GET p:7");
    redisAppendCommand(c, "DEL p:7 p:8");
    redisAppendCommand(c, "EXEC");
    is(next(c), REDIS_REPLY_STATUS, "OK", 2);
    is(next(c), REDIS_REPLY_STATUS, "QUEUED", 6);
    is(next(c), REDIS_REPLY_STATUS, "QUEUED", 6);
    redisReply *both = next(c);
    check(both->type == REDIS_REPLY_ARRAY && both->elements == 2, "EXEC");
    check(strcmp(both->element[0]->str, "7") == 0, "the first reply");
    check(both->element[1]->integer == 2, "the second reply");
    freeReplyObject(both);
    is(redisCommand(c, "FLUSHALL"), REDIS_REPLY_STATUS, "OK", 2);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    redisContext *c = redisConnect("127.0.0.1", atoi(argv[1]));
    check(c != NULL && c->err == 0, "connect");
    values(c);
    pipelines(c);
    redisFree(c);
    printf("hiredis %d.%d.%d: checked %d\n", HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH, checks);
    return 0;
}
