"""Bugs of the engine: traversal, accumulation, ownership, what a rule is handed."""

from mutant import mutants

MUTANTS = [
    *mutants(
        "engine",
        "_autograd.py",
        (
            "preorder",  # a node runs before all of its uses have
            "Multiply",
            "stack.append((node,))",
            "order.insert(0, node)",
        ),
        (
            "visits a node once for each use",
            "Multiply",
            "        elif node not in seen:\n",
            "        else:\n",
        ),
        (
            "writes into what a rule returned",
            "Add Multiply",
            "elif source in self.owned:",
            "elif held.flags.writeable:",
        ),
        (
            "last gradient wins",
            "Multiply",
            "self.values[source] = np.asarray(held + g)",
            "self.values[source] = np.asarray(g)",
        ),
        (
            "last gradient wins in the graph",
            "Multiply",
            "self.values[source] = held + g",
            "self.values[source] = g",
        ),
        (
            "third gradient lost",
            "Multiply",
            "np.add(held, g, out=held)",
            "pass",
        ),
        (
            "owns what it did not make",
            "Add Sum",
            "        if made:\n            self.owned.add(source)",
            "        self.owned.add(source)",
        ),
        (
            "hands out what it does not own",
            "Add Reshape",
            "return wrap(g if unshared else g.copy())",
            "return wrap(g)",
        ),
        (
            "hands out what a rule still holds",
            "Add Reshape",
            "unshared = g.base is None and getrefcount(g) == HELD_TWICE",
            "unshared = g.base is None",
        ),
        (
            "adopts the seed",
            "Add",
            "gradients.add(source, g, made=False)",
            "gradients.add(source, g, made=True)",
        ),
        (
            "grad overwritten by the next backward",
            "Multiply",
            "leaf._grad = _total(leaf._grad, g, create_graph)",
            "leaf._grad = g",
        ),
        (
            "grad accumulated in place",
            "Multiply",
            "return wrap(np.asarray(held._array + g._array))",
            "return wrap(np.add(held._array, g._array, out=held._array))",
        ),
        (
            "unbroadcast averages",
            "Multiply",
            "return g.sum(axis=(*range(lead), *stretched), keepdims=True).reshape(shape)",
            "return g.mean(axis=(*range(lead), *stretched), keepdims=True).reshape(shape)",
        ),
        (
            "unbroadcast forgets the leading axes",
            "Subtract",
            "return g.sum(axis=(*range(lead), *stretched), keepdims=True).reshape(shape)",
            "return g.sum(axis=tuple(stretched), keepdims=True)[(0,) * lead].reshape(shape)",
        ),
        (
            "unbroadcast takes one",
            "Multiply",
            "return g.sum(axis=(*range(lead), *stretched), keepdims=True).reshape(shape)",
            "return g[(0,) * lead + tuple(slice(n) for n in shape)]",
        ),
        (
            "gradient keeps a wider dtype",
            "Astype",
            "if g.dtype != source.dtype:\n        g, made",
            "if g.dtype.itemsize < source.dtype.itemsize:\n        g, made",
        ),
        (
            "frees a graph that is to be retained",
            "Multiply",
            "if not retain_graph and node.kept:",
            "if node.kept:",
        ),
        (
            "never frees the graph",
            "Multiply",
            "if not retain_graph and node.kept:",
            "if retain_graph is None and node.kept:",
        ),
        (
            "inputs detached in the graph",
            "Multiply Log",
            "        return wrap(array, source, ",
            "        source = None\n        return wrap(array, source, ",
        ),
        (
            "output detached in the graph",
            "Exp Softmax",
            'y = wrap(named["y"], node, True)',
            'y = wrap(named["y"])',
        ),
        (
            "smooth aux taken for constant",
            "BatchNorm LayerNorm",
            "        if name in signature.formulas:\n            formula",
            "        if name in signature.formulas and name not in named:\n            formula",
        ),
        (
            "drops the gradient of a target inside",
            "Multiply",
            "        if node not in goals:\n            gradients.values.pop(node, None)",
            "        gradients.values.pop(node, None)",
        ),
    ),
    *mutants(
        "engine",
        "_function.py",
        (
            "only the last input decides on recording",
            "Take Gather Embedding GetItem",
            "wanted = wanted or t._requires_grad",
            "wanted = t._requires_grad",
        ),
    ),
    *mutants(
        "engine",
        "ops/indexing.py",
        (
            "a part takes the place of what has arrived",
            "GetItem",
            "total[self.index] += g",
            "total[self.index] = g",
        ),
    ),
    *mutants(
        "engine",
        "_signature.py",
        (
            "arguments of a rule in the wrong order",
            "CrossEntropy BatchNorm PutPixels Power",
            "    places = [bag.index(name) for name in names]",
            "    places = sorted(bag.index(name) for name in names)",
        ),
        (
            "left-out inputs shift the others",
            "LayerNorm RMSNorm",
            "values = (*values, *(None,) * (named - len(values)))",
            "values = (*(None,) * (named - len(values)), *values)",
        ),
        (
            "variadic inputs reversed",
            "Concatenate Stack Einsum",
            "(*values[:named], tuple(values[named:]))",
            "(*values[:named], tuple(reversed(values[named:])))",
        ),
    ),
]
