"""A bundle as a STAC item with the machine-learning model (MLM) extension."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import pystac
from pystac.extensions.classification import Classification, ClassificationExtension
from pystac.extensions.mlm import (
    DataType,
    InputStructure,
    MLMExtension,
    ModelBand,
    ModelInput,
    ModelOutput,
    ProcessingExpression,
    ResultStructure,
    TaskType,
)

from landslide_geo.models.manifest import MANIFEST, WEIGHTS, BundleManifest

#: Architectures that need PyTorch for more than holding arrays.
FRAMEWORK: Final = "pytorch"


def model_item(manifest: BundleManifest, *, parameters: int, weight_bytes: int) -> dict[str, Any]:
    """The item of a bundle, its assets linked relative to it.

    Args:
        manifest: of the bundle.
        parameters: number of trainable parameters.
        weight_bytes: size of the weight file; 0 where there is none.

    Returns:
        A JSON object. The model is bound to no place, so geometry is null.
    """
    item = pystac.Item(
        id=manifest.name,
        geometry=None,
        bbox=None,
        datetime=datetime.fromisoformat(manifest.created),
        properties={
            "description": manifest.description,
            "license": manifest.licence,
            "gsd": manifest.gsd_native_m,
        },
    )
    # Classes of the output are its fields.
    item.stac_extensions.append(ClassificationExtension.get_schema_uri())
    bands = [band.name for band in manifest.bands]
    window = manifest.window
    MLMExtension.ext(item, add_if_missing=True).apply(
        name=manifest.name,
        architecture=manifest.architecture,
        tasks=[TaskType.SEMANTIC_SEGMENTATION],
        framework=FRAMEWORK,
        framework_version=manifest.versions.get("torch"),
        pretrained=False,
        total_parameters=parameters,
        memory_size=2 * weight_bytes,  # stored with 16 bits, held with 32
        batch_size_suggestion=4,
        input=[
            ModelInput.create(
                name="normalised bands",
                bands=[ModelBand.create(name=band) for band in bands],
                input=InputStructure.create(
                    shape=[-1, len(bands), window, window],
                    dim_order=["batch", "bands", "height", "width"],
                    data_type=DataType.FLOAT32,
                ),
                description=f"{_filtered(manifest)}Standardised: see normalisation in {MANIFEST}.",
                pre_processing_function=ProcessingExpression.create("python", "landslide_geo.scene.stretch:stretch"),
            )
        ],
        output=[
            ModelOutput.create(
                name="landslide probability",
                tasks=[TaskType.SEMANTIC_SEGMENTATION],
                result=ResultStructure.create(
                    shape=[-1, 1, window, window],
                    dim_order=["batch", "class", "height", "width"],
                    data_type=DataType.FLOAT32,
                ),
                classes=[
                    Classification.create(value=1, name="landslide", description="Landslide, fresh scar or deposit")
                ],
                post_processing_function=ProcessingExpression.create("python", "landslide_geo.models:Model.calibrate"),
            )
        ],
    )
    described = "Manifest: bands, normalisation, threshold, calibration, training and metrics"
    weighted = weight_bytes > 0
    # An item may have bands only where an asset has: here they are those of the model's file.
    taken = {"bands": [{"name": band.name, "description": f"Unit: {band.unit}"} for band in manifest.bands]}
    item.add_asset(
        "manifest",
        pystac.Asset(
            f"./{MANIFEST}",
            title="Bundle manifest",
            description=described,
            media_type=pystac.MediaType.JSON,
            roles=["metadata"] if weighted else ["mlm:model", "metadata"],
            extra_fields={} if weighted else {"mlm:artifact_type": "rule"} | taken,
        ),
    )
    if weighted:
        item.add_asset(
            "model",
            pystac.Asset(
                f"./{WEIGHTS}",
                title="Weights",
                media_type="application/octet-stream; framework=pytorch; type=safetensors",
                roles=["mlm:model", "mlm:weights"],
                extra_fields={"mlm:artifact_type": "safetensors"} | taken,
            ),
        )
    return item.to_dict(include_self_link=False)


def _filtered(manifest: BundleManifest) -> str:
    return "" if manifest.speckle is None else f"Radar filtered {manifest.speckle} first. "
