/*
 * -smbios type=N,key=value and -smbios file=: what the user wants in the structures.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_I386_SMBIOS_OPTIONS_H
#define HW_I386_SMBIOS_OPTIONS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct SmbiosOptions SmbiosOptions;

/** smbios_options_new: checks the JsonObjects of @entries (may be NULL); NULL: @error names the
 * option. */
SmbiosOptions *smbios_options_new(GPtrArray *entries, GError **error);
void smbios_options_free(SmbiosOptions *options);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SmbiosOptions, smbios_options_free)

/** smbios_options_given: how many -smbios type=@type there are (those with file= not counted). */
unsigned smbios_options_given(const SmbiosOptions *options, unsigned type);
/** smbios_option: the last value given for @key of @type, or @fallback. */
const char *smbios_option(const SmbiosOptions *options, unsigned type, const char *key,
                          const char *fallback);
/** smbios_option_of: @key in the @n-th option of @type (types that may come many times), or NULL.
 */
const char *smbios_option_of(const SmbiosOptions *options, unsigned type, unsigned n,
                             const char *key);
/** smbios_option_number: like smbios_option() for a number up to @max; false: @error names it. */
bool smbios_option_number(const SmbiosOptions *options, unsigned type, const char *key,
                          uint64_t max, uint64_t *value, GError **error);
/** smbios_option_strings: every value= and the lines of every path= of type 11, in order. */
GPtrArray *smbios_option_strings(const SmbiosOptions *options);
/** smbios_option_files: the structures of file= (GBytes), each whole with its strings. */
GPtrArray *smbios_option_files(const SmbiosOptions *options);
/** smbios_option_file_has_type: whether one of the files brings a structure of @type. */
bool smbios_option_file_has_type(const SmbiosOptions *options, unsigned type);

#endif
