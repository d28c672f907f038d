# SPDX-License-Identifier: Apache-2.0
"""Tools around cappy that are better written in Python."""
