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

/** json_text_append: @node as text at the end of @out; @pretty: on several lines, indented by 4. */
void json_text_append(GString *out, JsonNode *node, bool pretty);

#endif
