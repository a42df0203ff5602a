/*
 * The object tree as paths: devices, CPUs, objects and the folders that hold them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MONITOR_QOM_TREE_H
#define MONITOR_QOM_TREE_H

#include "hw/core/machine.h"

typedef struct {
    char *path;
    char *type;
    Device *device; /* NULL: none of ours to look into */
} QomNode;

/** qom_tree_nodes: everything that exists, folders first; the caller unrefs. */
GPtrArray *qom_tree_nodes(void);
/** qom_tree_find: the node at @path (absolute, or an unambiguous tail or id of a device), or NULL.
 */
const QomNode *qom_tree_find(GPtrArray *nodes, const char *path);

/** qom_property_name: as users type it. */
const char *qom_property_name(GParamSpec *spec);
/** qom_property_get: the value now; NULL: the device has no property called @name. */
JsonNode *qom_property_get(Device *device, const char *name);
/** qom_type_list: every type, as (name, parent, abstract); @visit is called for each. */
void qom_type_foreach(void (*visit)(const char *name, const char *parent, bool abstract,
                                    void *opaque),
                      void *opaque);
/** qom_type_is_a: true if @name is @ancestor or comes from it. */
bool qom_type_is_a(const char *name, const char *ancestor);

#endif
