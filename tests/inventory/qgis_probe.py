"""Run by QGIS's own Python, not by the tests': opens a file in QGIS off-screen and reports what QGIS makes of it.

    python3 qgis_probe.py gpkg FILE.gpkg OUT.png
    python3 qgis_probe.py changes FILE.gpkg OUT.png
    python3 qgis_probe.py project FILE.qgz OUT.png
    python3 qgis_probe.py edit FILE.gpkg EDITS.json

EDITS.json holds new values by field, for the first landslide.

Prints one JSON object on the last line.
"""

import json
import sys
from pathlib import Path

from qgis.core import (
    QgsApplication,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsProject,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor


def describe(layer):
    about = {"name": layer.name(), "valid": layer.isValid(), "crs": layer.crs().authid()}
    renderer = layer.renderer()
    about["renderer"] = renderer.type() if renderer else None
    if isinstance(layer, QgsVectorLayer):
        fields = layer.fields()
        told = layer.metadata()
        about["metadata"] = {"title": told.title(), "abstract": told.abstract(), "history": told.history()}
        about["features"] = layer.featureCount()
        about["types"] = {field.name(): field.typeName() for field in fields}
        about["aliases"] = {field.name(): field.alias() for field in fields}
        about["widgets"] = {field.name(): field.editorWidgetSetup().type() for field in fields}
        form = layer.editFormConfig()
        about["read_only"] = [field.name() for i, field in enumerate(fields) if form.readOnly(i)]
        if renderer.type() == "categorizedSymbol":
            about["attribute"] = renderer.classAttribute()
            about["categories"] = {str(c.value()): c.symbol().color().name() for c in renderer.categories()}
        about["labels"] = layer.labelsEnabled()
        if layer.labelsEnabled():
            settings = layer.labeling().settings()
            about["label_scale"] = settings.minimumScale if settings.scaleVisibility else None
            about["label_expression"] = settings.fieldName
        about["sort"] = layer.attributeTableConfig().sortExpression()
    return about


def render(layers, extent, crs, out):
    settings = QgsMapSettings()
    settings.setLayers(layers)
    settings.setDestinationCrs(crs)
    settings.setExtent(extent)
    settings.setOutputSize(QSize(1000, 800))
    settings.setBackgroundColor(QColor(255, 255, 255))
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    job.renderedImage().save(out)


def edit(path, values):
    """Change a landslide as a form does, and move its outline by a pixel to the east."""
    layer = QgsVectorLayer(f"{path}|layername=landslides", "landslides", "ogr")
    feature = next(layer.getFeatures())
    layer.startEditing()
    for name, value in values.items():
        layer.changeAttributeValue(feature.id(), layer.fields().indexOf(name), value)
    moved = feature.geometry()
    moved.translate(10, 0)
    layer.changeGeometry(feature.id(), moved)
    done = layer.commitChanges()
    return {"done": done, "errors": layer.commitErrors(), "landslide_id": feature["landslide_id"]}


def main(kind, path, out):
    app = QgsApplication([], False)
    app.initQgis()
    if kind == "edit":
        report = edit(path, json.loads(Path(out).read_text(encoding="utf-8")))
        app.exitQgis()  # closes the file
        print(json.dumps(report))
        return
    report = {"layers": [], "visible": []}
    if kind in ("gpkg", "changes"):
        names = ["changes"] if kind == "changes" else ["crowns", "landslides", "reviewed_extent", "visibility"]
        layers = [QgsVectorLayer(f"{path}|layername={name}", name, "ogr") for name in names]
        for layer in layers:
            about = describe(layer)
            message, about["default_style"] = layer.loadDefaultStyle()
            about["style_message"] = message
            related, _, styles, *_ = layer.listStylesInDatabase()  # the layer's own first
            about["styles"] = styles[:related]
            report["layers"].append(about)
        main_layer = layers[names.index("landslides")] if "landslides" in names else layers[0]
        extent = main_layer.extent() if main_layer.featureCount() else layers[-1].extent()
        drawn, crs = layers, main_layer.crs()
    else:
        project = QgsProject.instance()
        report["read"] = project.read(path)
        report["title"] = project.title()
        report["crs"] = project.crs().authid()
        tree = project.layerTreeRoot()
        order = tree.layerOrder()
        report["layers"] = [describe(layer) for layer in order]
        drawn = [layer for layer in order if tree.findLayer(layer.id()).isVisible()]
        report["visible"] = [layer.name() for layer in drawn]
        extent, crs = project.viewSettings().defaultViewExtent(), project.crs()
        report["extent"] = [extent.xMinimum(), extent.yMinimum(), extent.xMaximum(), extent.yMaximum()]
    if len(sys.argv) > 4:
        extent.scale(float(sys.argv[4]))
    render(drawn, extent, crs, out)
    print(json.dumps(report))
    sys.stdout.flush()


main(*sys.argv[1:4])
