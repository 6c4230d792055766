"""Loss, terms and gradients of every objective, in double precision by autograd.

One file for every case, `objectives/OBJECTIVE-CASE.safetensors`; the definitions are in the modules
named below, the contents of the files in README.md.
"""

from collections.abc import Iterator

import objectives_barlow_twins
import objectives_clusters
import objectives_contrastive
import objectives_distillation
import objectives_information
import objectives_labels
import objectives_swav
from fixture import Fixture

FAMILIES = [
    objectives_barlow_twins, objectives_contrastive, objectives_distillation,
    objectives_information, objectives_swav, objectives_clusters, objectives_labels,
]


def fixtures() -> Iterator[Fixture]:
    """All cases of all objectives."""
    for family in FAMILIES:
        yield from family.fixtures()
