/*
 * Xenstore over the ring: what a guest finds, what it may do, the errors of what it may not.
 *
 * Word: domid=.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_guest.h"

#include <xen/io/xs_wire.h>

static StoreAnswer answer;
static char home[48];

static const char *at(const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];
    format(path, 128, "%s/%s", home, name);
    return path;
}

static void error(const char *text, unsigned type, const char *payload, const char *name)
{
    bool came = store_text(type, 0, payload, &answer);
    if (!check(came && store_is_error(&answer, name), "%s: %s", text, name)) {
        note("  got %s of type %u", came ? answer.text : "nothing", answer.type);
    }
}

static void reads(void)
{
    char text[16];
    format(text, sizeof(text), "%u", xen_domid());
    check(store_text(XS_READ, 0, "domid", &answer) && answer.type == XS_READ,
          "the domain's id can be read");
    expect_text("it is this one's", answer.text, text);
    check(store_text(XS_READ, 0, at("domid"), &answer), "by its whole path too");
    expect_text("it is the same", answer.text, text);
    check(store_text(XS_READ, 0, "store/port", &answer) && answer.type == XS_READ,
          "the store's port is in it");
    expect("it is the one in use", parse_number(answer.text), store_port);
    check(store_text(XS_READ, 0, "vm", &answer) && strncmp(answer.text, "/vm/", 4) == 0,
          "the vm's path: %s", answer.text);
    error("a node that is not", XS_READ, "no/such", "ENOENT");
    error("an empty path", XS_READ, "", "EINVAL");
    error("a path with a character that is none", XS_READ, "a b", "EINVAL");
    error("a path that ends with a slash", XS_READ, "domid/", "EINVAL");
    error("a payload without its NUL", 200, "domid", "ENOSYS");
    check(store_ask(XS_READ, 0, "domid", 5, &answer) && store_is_error(&answer, "EINVAL"),
          "a path without NUL: EINVAL");
    check(store_ask(XS_READ, 0, "", 0, &answer) && store_is_error(&answer, "EINVAL"),
          "no payload: EINVAL");
    format(text, sizeof(text), "%u", xen_domid());
    check(store_text(XS_GET_DOMAIN_PATH, 0, text, &answer), "a domain's path can be asked for");
    expect_text("it is this one's", answer.text, home);
}

static void writes(void)
{
    check(store_write(0, "data/a", "first", &answer) && answer.type == XS_WRITE,
          "a value is written");
    expect_text("the answer is OK", answer.text, "OK");
    expect("of three bytes", answer.length, 3);
    store_text(XS_READ, 0, "data/a", &answer);
    expect_text("it is read", answer.text, "first");
    expect("without a NUL", answer.length, 5);
    check(store_ask(XS_WRITE, 0, "data/b\0\0\1\2", 10, &answer) && answer.type == XS_WRITE,
          "bytes of any kind");
    store_text(XS_READ, 0, "data/b", &answer);
    check(answer.length == 3 && memcmp(answer.text, "\0\1\2", 3) == 0, "are read as they were");
    check(store_text(XS_MKDIR, 0, "data/d/e", &answer) && answer.type == XS_MKDIR,
          "a folder with its parent");
    check(store_text(XS_MKDIR, 0, "data/d/e", &answer) && answer.type == XS_MKDIR,
          "a folder that is there");
    check(store_text(XS_DIRECTORY, 0, "data", &answer) && answer.type == XS_DIRECTORY,
          "a folder's names");
    expect("are of six bytes", answer.length, 6);
    check(memcmp(answer.text, "a\0b\0d", 6) == 0, "and are the three");
    check(store_text(XS_DIRECTORY, 0, "data/a", &answer) && answer.length == 0,
          "a value has no names below it");
    check(store_text(XS_RM, 0, "data/d", &answer) && answer.type == XS_RM, "a branch is removed");
    error("what was below is gone", XS_READ, "data/d/e", "ENOENT");
    check(store_text(XS_RM, 0, "data/d", &answer) && answer.type == XS_RM,
          "removing it again is no error");
    error("below no parent it is", XS_RM, "data/x/y/z", "ENOENT");
    check(store_ask(XS_DIRECTORY_PART, 0,
                    "data\0"
                    "0",
                    7, &answer) &&
              answer.type == XS_DIRECTORY_PART,
          "a folder's names in parts");
}

static void rights(void)
{
    char owner[16];
    error("domain 0's folder", XS_DIRECTORY, "/local/domain/0/backend", "EACCES");
    check(store_write(0, "domid", "99", &answer) && store_is_error(&answer, "EACCES"),
          "its own id: EACCES");
    check(store_write(0, "/local/domain/0/x", "1", &answer) && store_is_error(&answer, "EACCES"),
          "a node of domain 0: EACCES");
    check(store_text(XS_GET_PERMS, 0, "data/a", &answer) && answer.type == XS_GET_PERMS,
          "a node's permissions");
    format(owner, sizeof(owner), "n%u", xen_domid());
    expect_text("it belongs to this domain", answer.text, owner);
    char set[64];
    unsigned length = format(set, sizeof(set), "data/a") + 1;
    length += format(set + length, sizeof(set) - length, "%s", owner) + 1;
    length += format(set + length, sizeof(set) - length, "r0") + 1;
    check(store_ask(XS_SET_PERMS, 0, set, length, &answer) && answer.type == XS_SET_PERMS,
          "they can be set");
    store_text(XS_GET_PERMS, 0, "data/a", &answer);
    expect("two of them", answer.length, strlen(owner) + 1 + 3);
    check(store_ask(XS_SET_PERMS, 0, "data/a\0n0", 10, &answer) && answer.type == XS_ERROR,
          "the owner cannot be changed: %s", answer.text);
    check(store_ask(XS_SET_PERMS, 0, "data/a\0zz", 10, &answer) &&
              store_is_error(&answer, "EINVAL"),
          "permissions that are none: EINVAL");
    error("introducing a domain", XS_INTRODUCE, "5", "EACCES");
    error("releasing one", XS_RELEASE, "5", "EACCES");
    check(store_ask(XS_CONTROL, 0, "print\0x", 8, &answer) && store_is_error(&answer, "EACCES"),
          "control: EACCES");
    check(store_ask(99, 0, "x", 2, &answer) && store_is_error(&answer, "ENOSYS"),
          "no such operation: ENOSYS");
    check(store_text(XS_READ, 7, "domid", &answer) && store_is_error(&answer, "ENOENT"),
          "no such transaction: ENOENT");
}

static void big(void)
{
    static char payload[4200];
    unsigned path = format(payload, sizeof(payload), "data/big") + 1;
    memset(payload + path, 'x', 2048);
    check(store_ask(XS_WRITE, 0, payload, path + 2048, &answer) && answer.type == XS_WRITE,
          "a value that is longer than the ring");
    store_text(XS_READ, 0, "data/big", &answer);
    expect("comes back whole", answer.length, 2048);
    check(answer.text[0] == 'x' && answer.text[2047] == 'x', "as it was");
    check(store_ask(XS_WRITE, 0, payload, path + 2049, &answer) &&
              store_is_error(&answer, "ENOSPC"),
          "one that is longer than allowed: %s", answer.text);
    memset(payload, 'y', sizeof(payload));
    payload[3999] = '\0';
    check(store_ask(XS_READ, 0, payload, 4000, &answer) && answer.type == XS_ERROR,
          "a path that is too long: %s", answer.text);
    unsigned made = 0;
    for (unsigned i = 0; i < 1500; i++) {
        char name[32];
        format(name, sizeof(name), "data/n/%u", i);
        if (!store_write(0, name, "", &answer) || answer.type != XS_WRITE) {
            break;
        }
        made++;
    }
    check(made > 100 && made < 1000, "%u nodes can be made", made);
    check(store_is_error(&answer, "ENOSPC"), "no more: %s", answer.text);
    store_text(XS_RM, 0, "data/n", &answer);
    check(store_write(0, "data/again", "", &answer) && answer.type == XS_WRITE,
          "after they are gone there is room");
}

void test_main(void)
{
    xen_start();
    xen_map_shared_info();
    if (!check(store_connect(), "there is a store")) {
        return;
    }
    format(home, sizeof(home), "/local/domain/%u", xen_domid());
    reads();
    writes();
    rights();
    if (!option("short")) {
        big();
    }
}
