/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The whole public API: programs include this file (and virterror.h for errors). Names, values
 * and layouts are those of libvirt 9.0, so that either library serves a program built with either
 * header.
 */
#ifndef LIBVIRT_H
#define LIBVIRT_H

#include <libvirt/libvirt-common.h>
#include <libvirt/libvirt-host.h>
#include <libvirt/libvirt-domain.h>
#include <libvirt/libvirt-domain-checkpoint.h>
#include <libvirt/libvirt-event.h>
#include <libvirt/libvirt-secret.h>

#endif
