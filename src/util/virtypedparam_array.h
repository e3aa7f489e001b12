/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Growth of a virTypedParameter array, common to the public functions and the list builder. */
#pragma once
#include <libvirt/libvirt.h>

/** One more, zeroed element with that name (shorter than VIR_TYPED_PARAM_FIELD_LENGTH) and type.
 * Returns: borrowed, valid until the next growth. */
virTypedParameterPtr
virTypedParamArrayGrow(virTypedParameterPtr *params, int *nparams, int *maxparams, const char *name,
                       int type);
