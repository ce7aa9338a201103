"""Static files as they are served: this product's scripts and styles minified, all under hashed names and compressed."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.files.storage import FileSystemStorage
from rcssmin import cssmin
from rjsmin import jsmin
from whitenoise.storage import CompressedManifestStaticFilesStorage

MINIFIERS: Final[Mapping[str, Callable[[str], str]]] = {".css": cssmin, ".js": jsmin}
"""By suffix. Both only remove comments and white space, so that the files can be read in a browser's debugger."""


class MinifiedStaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # untyped
    """Removes comments and white space from the files of `STATICFILES_DIRS`, whose comments are a third of their size."""

    def post_process(
        self, paths: dict[str, tuple[FileSystemStorage, str]], dry_run: bool = False, **options: Any
    ) -> Iterator[Any]:
        own = [name for name, (source, _path) in paths.items() if Path(source.location) in settings.STATICFILES_DIRS]
        if not dry_run:
            for name in own:
                _minify(Path(self.path(name)))
        # The hashed files are made of the minified ones, and not of their sources.
        yield from super().post_process({**paths, **{name: (self, name) for name in own}}, dry_run, **options)


def _minify(path: Path) -> None:
    """Minify a collected file in place. A file that is minified already stays as it is."""
    if minifier := MINIFIERS.get(path.suffix):
        path.write_text(minifier(path.read_text()))
