// SPDX-License-Identifier: Apache-2.0
#include "engine/providers/speech.h"
// The interfaces have no code of their own; this file gives their meta-objects one home.
