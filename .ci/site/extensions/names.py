"""Code that names something of fnn leads to its page, such as ``fnn.adam(1e-3)`` or ``hidden=fnn.tanh``."""

import re

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform


class Names(SphinxTransform):
    """The first name decides; a name without a page stays as it is."""

    default_priority = 700

    def apply(self, **kwargs: object) -> None:
        """Wrap what is no link yet."""
        for node in list(self.document.findall(nodes.literal)):
            name = re.search(r"\bfnn\.(?:(?:plots|sklearn)\.)?\w+", node.astext())
            if name and not isinstance(node.parent, nodes.reference | nodes.title | pending_xref):
                link = pending_xref("", refdomain="py", reftype="obj", reftarget=name[0], refdoc=self.env.docname)
                node.replace_self(link)
                link += node


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the transform."""
    app.add_transform(Names)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
