/*
 * Options as users type them: "key=value,key.sub=value" or JSON, both become a JsonObject; and a reader
 * that takes typed values out of it and then refuses whatever nobody asked for.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef UTIL_OPTIONS_H
#define UTIL_OPTIONS_H

#include <glib.h>
#include <json-glib/json-glib.h>
#include <stdbool.h>
#include <stdint.h>

/**
 * options_parse: parses @text into a new object (caller unrefs).
 * @text: JSON if it starts with '{', else key=value pairs split by commas; ",," is a comma; a key with
 *        dots makes nested objects (a.b=c), "a.0=x" makes an array; a bare "flag" means flag=on and "noflag" is
 *        not special; the first bare word is the value of @implied_key when that is not NULL;
 *        where "a" and "a.b" are both given ("file=x,file.locking=off"), the object has the string member "a"
 *        and beside it a member literally called "a.b"
 * All keyval leaves are JSON strings.
 */
JsonObject *options_parse(const char *text, const char *implied_key, GError **error);

typedef struct OptionReader OptionReader;

/**
 * option_reader_new: reads @object (a reference is taken).
 * @where: the text error lines begin with, e.g. "-drive file=x", may be NULL
 */
OptionReader *option_reader_new(JsonObject *object, const char *where);
void option_reader_free(OptionReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OptionReader, option_reader_free)

/** option_reader_has: true if @key is given; does not mark it as read. */
bool option_reader_has(OptionReader *reader, const char *key);

/**
 * option_get_*: the value of @key in *@value, which keeps what it held (its default) if the key is absent.
 * Strings and JSON scalars of the fitting type are accepted alike. False: @error names key and value.
 * bool: on off yes no true false y n. Numbers: decimal, 0x, with range check. Size: suffixes k M G T
 * (binary; default unit @unit bytes). String: *@value is owned by @reader.
 */
bool option_get_bool(OptionReader *reader, const char *key, bool *value, GError **error);
bool option_get_uint(OptionReader *reader, const char *key, uint64_t min, uint64_t max,
                     uint64_t *value, GError **error);
bool option_get_int(OptionReader *reader, const char *key, int64_t min, int64_t max, int64_t *value,
                    GError **error);
bool option_get_size(OptionReader *reader, const char *key, uint64_t unit, uint64_t *value,
                     GError **error);
bool option_get_string(OptionReader *reader, const char *key, const char **value, GError **error);
/** option_get_enum: *@value becomes the index of the matching name in the NULL-ended @names. */
bool option_get_enum(OptionReader *reader, const char *key, const char *const *names, int *value,
                     GError **error);
/** option_get_object: a nested object (owned by the reader's object) or NULL if absent. */
bool option_get_object(OptionReader *reader, const char *key, JsonObject **value, GError **error);
/** option_get_node: the raw value of @key or NULL; marks it as read. */
JsonNode *option_get_node(OptionReader *reader, const char *key);

/** option_reader_finish: false if a key was never read: "Invalid parameter 'KEY'". */
bool option_reader_finish(OptionReader *reader, GError **error);

/** option_is_identifier: a letter, then letters, digits, '-', '.' and '_', as the ids of objects are. */
bool option_is_identifier(const char *text);

/** parse_*: the same conversions for a lone string; @what names it in the error. */
bool parse_bool(const char *text, const char *what, bool *value, GError **error);
bool parse_uint(const char *text, const char *what, uint64_t min, uint64_t max, uint64_t *value,
                GError **error);
bool parse_int(const char *text, const char *what, int64_t min, int64_t max, int64_t *value,
               GError **error);
bool parse_size(const char *text, const char *what, uint64_t unit, uint64_t *value, GError **error);

#endif
