// All bodies of kernels, as table.def names them.
#pragma once

#include "divergence.h"
#include "drawing.h"
#include "elementwise.h"
#include "ranking.h"
#include "reductions.h"
#include "rows.h"
#include "selecting.h"
