/*
 * Types of QMP: what a command takes and returns, what an event carries. One table of rows says it
 * in text; the same rows check arguments and make query-qmp-schema.
 *
 * Text of a type: a name of the table, a builtin (str, int, number, bool, null, any), or [TYPE] for
 * an array. Text of members: words "name:TYPE", "name?:TYPE" if it may be left out.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MONITOR_SCHEMA_H
#define MONITOR_SCHEMA_H

#include <json-glib/json-glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum {
    SCHEMA_BUILTIN,
    SCHEMA_ENUM,   /* members: the values */
    SCHEMA_OBJECT, /* members; variants: "TAG value=OBJECT value=OBJECT" or NULL */
    SCHEMA_ARRAY,
    SCHEMA_ALTERNATE, /* members: "TYPE TYPE", told apart by their JSON type */
} SchemaKind;

typedef struct {
    const char *name;
    SchemaKind kind;
    const char *members;
    const char *variants;
} SchemaRow;

typedef struct SchemaType SchemaType;

typedef struct {
    char *name;
    bool optional;
    const SchemaType *type;
} SchemaMember;

typedef struct {
    char *value;
    const SchemaType *type; /* an object */
} SchemaVariant;

struct SchemaType {
    char *name; /* NULL: an argument list without a name */
    SchemaKind kind;
    const char *json_type;     /* builtins: "string", "int", … */
    char **values;             /* enum */
    const SchemaType *element; /* array */
    GArray *members;           /* of SchemaMember: object, alternate (without names) */
    const char *tag;           /* the member that chooses among @variants, or NULL */
    GArray *variants;          /* of SchemaVariant */
};

extern const SchemaRow schema_rows[];
extern const unsigned schema_row_count;

/** schema_type: of @text; aborts on a type that is not in the table, which is an error of ours. */
const SchemaType *schema_type(const char *text);
/**
 * schema_members: the object type of an argument list; "" and NULL: the empty object.
 * @text: members, or "=NAME" for a type of the table. The result lives on.
 */
const SchemaType *schema_members(const char *text);
/**
 * schema_check: true if @node is a @type. False: @error as QEMU words it: "Parameter 'x' is
 * missing", "Parameter 'x' is unexpected", "Invalid parameter type for 'x', expected: string".
 * @name: of the parameter; "" for a whole argument object
 */
bool schema_check(const SchemaType *type, JsonNode *node, const char *name, GError **error);
/** schema_enum_index: the place of @value in the enumeration called @enum_name, or -1. */
int schema_enum_index(const char *enum_name, const char *value);

#endif
