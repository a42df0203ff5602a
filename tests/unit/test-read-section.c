/*
 * Read sections under threads: no reader ever sees a freed object, and none is kept for ever. Run under TSan too.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdatomic.h>
#include <stdbool.h>

#include "util/read_section.h"

#define ALIVE 0x600df00d
#define DEAD  0xdeadbeef

typedef struct {
    _Atomic unsigned state;
} Object;

static _Atomic(Object *) published;
static atomic_bool stop;
static atomic_uint freed, readers_started;

static void object_free(gpointer data)
{
    Object *object = data;

    atomic_store(&object->state, DEAD);
    atomic_fetch_add(&freed, 1);
    g_free(object);
}

static Object *object_new(void)
{
    Object *object = g_new0(Object, 1);

    atomic_store(&object->state, ALIVE);
    return object;
}

static gpointer reader(gpointer data)
{
    unsigned long seen = 0;

    while (!atomic_load(&stop)) {
        Object *object;

        read_section_enter();
        read_section_enter();
        object = atomic_load(&published);
        g_assert_cmphex(atomic_load(&object->state), ==, ALIVE);
        read_section_leave();
        g_assert_cmphex(atomic_load(&object->state), ==, ALIVE);
        read_section_leave();
        if (seen++ == 0) {
            atomic_fetch_add(&readers_started, 1);
        }
    }
    return GSIZE_TO_POINTER(seen);
}

static void readers_never_see_a_freed_object(void)
{
    enum { REPLACEMENTS = 20000 };
    GThread *threads[4];
    unsigned freed_before = atomic_load(&freed);

    atomic_store(&published, object_new());
    for (unsigned i = 0; i < G_N_ELEMENTS(threads); i++) {
        threads[i] = g_thread_new("reader", reader, NULL);
    }
    while (atomic_load(&readers_started) < G_N_ELEMENTS(threads)) {
        g_thread_yield();
    }
    for (unsigned i = 0; i < REPLACEMENTS; i++) {
        Object *before = atomic_exchange(&published, object_new());
        read_section_retire(before, object_free);
    }
    atomic_store(&stop, true);
    for (unsigned i = 0; i < G_N_ELEMENTS(threads); i++) {
        g_assert_cmpuint(GPOINTER_TO_SIZE(g_thread_join(threads[i])), >, 0);
    }
    g_assert_cmpuint(read_section_reclaim(), ==, 0);
    g_assert_cmpuint(atomic_load(&freed) - freed_before, ==, REPLACEMENTS);
    g_free(atomic_load(&published));
}

static void object_is_kept_while_a_section_is_open(void)
{
    unsigned before = atomic_load(&freed);

    read_section_enter();
    read_section_retire(object_new(), object_free);
    g_assert_cmpuint(read_section_reclaim(), ==, 1);
    g_assert_cmpuint(atomic_load(&freed), ==, before);
    read_section_leave();
    g_assert_cmpuint(read_section_reclaim(), ==, 0);
    g_assert_cmpuint(atomic_load(&freed), ==, before + 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/read-section/object_is_kept_while_a_section_is_open",
                    object_is_kept_while_a_section_is_open);
    g_test_add_func("/read-section/readers_never_see_a_freed_object",
                    readers_never_see_a_freed_object);
    return g_test_run();
}
