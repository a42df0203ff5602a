/*
 * JSON as QEMU writes it: ", " and ": " between things (scripts look for `"return": {}`), pure
 * ASCII, and whatever bytes a name or path has become valid JSON.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MONITOR_JSON_TEXT_H
#define MONITOR_JSON_TEXT_H

#include <json-glib/json-glib.h>
#include <stdbool.h>
#include <stdint.h>

/** json_text_uint64: a node that is written as @value, which may be more than the tree's integers hold. */
JsonNode *json_text_uint64(uint64_t value);
/** json_text_append: @node as text at the end of @out; @pretty: on several lines, indented by 4. */
void json_text_append(GString *out, JsonNode *node, bool pretty);

#endif
