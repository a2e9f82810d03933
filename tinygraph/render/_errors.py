"""What rendering raises when this machine cannot do it, and warns of when it shows less."""


class RenderError(RuntimeError):
    """No picture: something is not installed, failed, or took too long.

    It is no ValueError: the same call works where, for instance, Graphviz is installed.
    """


class LayoutTimeout(RenderError):
    """The layout was not done in time."""


class LayoutFailed(RenderError):
    """The layout engine could not do it."""


class RenderWarning(UserWarning):
    """A picture shows less than was asked for, because all of it would be too large."""
