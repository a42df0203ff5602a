/*
 * -smp: how many CPUs, and their topology.
 *
 * What is not given follows from the rest: with a CPU count, cores are preferred over sockets and
 * sockets over threads; without one, each missing level is 1.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "option_handlers.h"
#include "util/error.h"

#define MAX_LEVEL 4096 /* the product of the four levels stays within 64 bits */

typedef struct {
    uint64_t cpus, max_cpus, sockets, dies, cores, threads; /* 0: not given */
} SmpRequest;

/* Levels that other boards have; a pc has one of each. */
static const char *const absent_levels[] = {"drawers", "books", "clusters", "modules"};

static bool read_level(OptionReader *reader, const char *key, uint64_t *value, GError **error)
{
    if (!option_get_uint(reader, key, 0, MAX_LEVEL, value, error)) {
        return false;
    }
    if (option_reader_has(reader, key) && *value == 0) {
        return error_setf(error, "Invalid CPU topology: CPU topology parameters must be greater "
                                 "than zero");
    }
    return true;
}

static bool read_request(OptionReader *reader, SmpRequest *request, GError **error)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(absent_levels); i++) {
        uint64_t count = 1;
        if (!read_level(reader, absent_levels[i], &count, error)) {
            return false;
        }
        if (count > 1) {
            return error_setf(error, "%s > 1 not supported by this machine's CPU topology",
                              absent_levels[i]);
        }
    }
    return read_level(reader, "cpus", &request->cpus, error) &&
           read_level(reader, "maxcpus", &request->max_cpus, error) &&
           read_level(reader, "sockets", &request->sockets, error) &&
           read_level(reader, "dies", &request->dies, error) &&
           read_level(reader, "cores", &request->cores, error) &&
           read_level(reader, "threads", &request->threads, error) &&
           option_reader_finish(reader, error);
}

static uint64_t or_one(uint64_t value)
{
    return value ? value : 1;
}

static void complete_request(SmpRequest *r)
{
    r->dies = or_one(r->dies);
    if (r->cpus == 0 && r->max_cpus == 0) {
        r->sockets = or_one(r->sockets);
        r->cores = or_one(r->cores);
        r->threads = or_one(r->threads);
    } else {
        r->max_cpus = r->max_cpus ? r->max_cpus : r->cpus;
        if (r->cores == 0) {
            r->sockets = or_one(r->sockets);
            r->threads = or_one(r->threads);
            r->cores = r->max_cpus / (r->sockets * r->dies * r->threads);
        } else if (r->sockets == 0) {
            r->threads = or_one(r->threads);
            r->sockets = r->max_cpus / (r->dies * r->cores * r->threads);
        } else if (r->threads == 0) {
            r->threads = r->max_cpus / (r->sockets * r->dies * r->cores);
        }
    }
    uint64_t total = r->sockets * r->dies * r->cores * r->threads;
    r->max_cpus = r->max_cpus ? r->max_cpus : total;
    r->cpus = r->cpus ? r->cpus : r->max_cpus;
}

static bool check_request(const SmpRequest *r, GError **error)
{
    g_autofree char *levels = g_strdup_printf(
        "sockets (%u) * dies (%u) * cores (%u) * threads (%u)", (unsigned)r->sockets,
        (unsigned)r->dies, (unsigned)r->cores, (unsigned)r->threads);

    if (r->max_cpus > MAX_LEVEL) {
        return error_setf(error, "Invalid CPU topology: %s is too many CPUs", levels);
    }
    if (r->sockets * r->dies * r->cores * r->threads != r->max_cpus) {
        return error_setf(
            error,
            "Invalid CPU topology: product of the hierarchy must match maxcpus: %s != "
            "maxcpus (%u)",
            levels, (unsigned)r->max_cpus);
    }
    if (r->max_cpus < r->cpus) {
        return error_setf(
            error,
            "Invalid CPU topology: maxcpus must be equal to or greater than smp: %s == "
            "maxcpus (%u) < smp_cpus (%u)",
            levels, (unsigned)r->max_cpus, (unsigned)r->cpus);
    }
    return true;
}

bool option_smp(StartConfig *config, const CommandOption *option, const char *argument,
                GError **error)
{
    g_autoptr(OptionReader) reader = option_parse_reader(argument, "cpus", error);
    SmpRequest request = {0};

    if (!reader || !read_request(reader, &request, error)) {
        return false;
    }
    complete_request(&request);
    if (!check_request(&request, error)) {
        return false;
    }
    config->board.smp = (SmpConfig){
        .cpus = request.cpus,
        .max_cpus = request.max_cpus,
        .sockets = request.sockets,
        .dies = request.dies,
        .cores = request.cores,
        .threads = request.threads,
    };
    start_config_set(&config->smp_where, config->where);
    return true;
}
