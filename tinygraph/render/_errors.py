"""What rendering raises when this machine cannot do it."""


class RenderError(RuntimeError):
    """No picture: something is not installed, failed, or took too long.

    It is no ValueError: the same call works where, for instance, Graphviz is installed.
    """
