// SPDX-License-Identifier: Apache-2.0
#pragma once

// Read before every source of a test (cmake/KavBuild.cmake). QTRY_VERIFY and its kin give up after 5 s, which a machine that
// has other work to do may well need for a child process or a key of 2048 bits. What comes is taken at once all the same: only
// a test that fails takes longer.

#include <QtTest/qtestcase.h>

#undef QTRY_VERIFY
#undef QTRY_VERIFY2
#undef QTRY_COMPARE
#define QTRY_VERIFY(expr) QTRY_VERIFY_WITH_TIMEOUT(expr, 30000)
#define QTRY_VERIFY2(expr, messageExpression) QTRY_VERIFY2_WITH_TIMEOUT(expr, messageExpression, 30000)
#define QTRY_COMPARE(expr, expected) QTRY_COMPARE_WITH_TIMEOUT(expr, expected, 30000)
