"""One small class per thing a user can get wrong.

Every class also inherits the built-in exception a caller would expect, so that library users can write ``except
FileNotFoundError`` without knowing this module. Messages are one line: what is wrong, where, and how to mend it.
"""

from __future__ import annotations


class LandslideError(Exception):
    """Root of every error that a user can mend. The command line prints it on one line and exits with code 2."""

    def __str__(self) -> str:
        # KeyError would print the repr of its argument; a message is always printed as written.
        return str(self.args[0]) if self.args else self.__class__.__name__


class SourceNotFoundError(LandslideError, FileNotFoundError):
    """A file or folder that was named does not exist."""


class UnreadableRasterError(LandslideError, OSError):
    """A raster exists but cannot be read: truncated, not a raster, or an unsupported format."""


class MissingCRSError(LandslideError, ValueError):
    """A raster or vector layer says nothing about its coordinate reference system."""


class MissingBandError(LandslideError, KeyError):
    """The model needs a band that the scene lacks."""


class UnknownBandError(LandslideError, ValueError):
    """A band name that is neither in the vocabulary nor a sensor's name for one in it."""


class NoOverlapError(LandslideError, ValueError):
    """Two inputs that must share ground do not."""


class EmptyAOIError(LandslideError, ValueError):
    """The area of interest holds no polygon, or no pixel of the scene."""


class BundleError(LandslideError, ValueError):
    """A folder or name that should be a model bundle is not one, or its files contradict each other."""


class OutputError(LandslideError, OSError):
    """The output folder or file cannot be written, or holds something that must not be overwritten."""


class ParameterError(LandslideError, ValueError):
    """A parameter is outside its range, or parameters contradict each other."""


class ClusterError(LandslideError, ConnectionError):
    """Processes that shared a scan were lost in the middle of it; what they had finished stays for ``resume``."""


class DatasetError(LandslideError, ValueError):
    """A dataset folder does not have the layout its reader expects, or one of its files is bad."""


class InventoryError(LandslideError, ValueError):
    """A polygon file lacks a layer or field, or holds geometries that cannot be used."""


class FetchError(LandslideError, ConnectionError):
    """Sample data could be had neither from a mirror nor from the network."""


class BrokenScanError(InventoryError):
    """The GeoPackage of a finished scan cannot be read: that scan is to blame, and no running inventory."""


class NoAnswerError(FetchError):
    """A catalogue does not answer, or not as a STAC API: whatever was asked of it is not to blame."""


class NoAcquisitionError(LandslideError, LookupError):
    """A catalogue has nothing of an area and dates that may be taken."""


class ChecksumError(LandslideError, ValueError):
    """A downloaded or mirrored file is not the one that is registered."""


class MissingExtraError(LandslideError, ImportError):
    """A command needs an extra that is not installed."""


class RegionBusyError(LandslideError, BlockingIOError):
    """Another run holds a region."""


class LockLostError(LandslideError, RuntimeError):
    """A run was taken for dead and another one has taken its region over; nothing of it may be published."""


class PublishError(LandslideError, ConnectionError):
    """A database, web address or mail server that is told of results could not be reached, or refused them."""


class PromotionError(LandslideError, ValueError):
    """A model may not go into service, or there is none to go back to."""


class PipelineError(LandslideError, RuntimeError):
    """A stage of the training pipeline failed."""
