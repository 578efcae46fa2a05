// All bodies of kernels, in the order of table.def.
#pragma once

#include "elementwise.h"
