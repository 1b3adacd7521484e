"""Run by QGIS itself, within its window: reviews a scan as an analyst does, and keeps pictures of it.

    LANDSLIDE_SCREENSHOTS='{"pictures": DIR, "reviewed": FILE}' qgis --project review.qgz --code screenshots_qgis.py

Without ``reviewed`` it reviews the scan that is open; with it, it shows that inventory in the style that it carries.
"""

import json
import os
import sys
import traceback
from pathlib import Path

from qgis.core import QgsFeature, QgsGeometry, QgsProject, QgsRectangle, QgsVectorLayer
from qgis.PyQt.QtCore import QTimer
from qgis.PyQt.QtWidgets import QApplication, QComboBox, QDialog, QDockWidget, QScrollArea
from qgis.utils import iface

ASKED = json.loads(os.environ["LANDSLIDE_SCREENSHOTS"])
SIZE = (1280, 800)


def picture(name):
    """The screen as it is, once all of it is drawn."""
    QApplication.processEvents()
    iface.mapCanvas().waitWhileRendering()
    for _ in range(20):
        QApplication.processEvents()
    screen = QApplication.primaryScreen()
    assert screen.grabWindow(0).save(str(Path(ASKED["pictures"], f"{name}.png"))), name


def arrange():
    """Only what a review needs: map and layers."""
    window = iface.mainWindow()
    window.move(0, 0)
    window.resize(*SIZE)
    for dock in window.findChildren(QDockWidget):
        dock.setVisible(dock.objectName() == "Layers")
    QApplication.processEvents()


def layer_named(name):
    """A layer of the project."""
    return next(layer for layer in QgsProject.instance().mapLayers().values() if layer.name() == name)


def zoom(box, factor=1.0):
    """Show a part of the map."""
    extent = QgsRectangle(box)
    extent.scale(factor)
    iface.mapCanvas().setExtent(extent)
    iface.mapCanvas().refresh()


def by_doubt(landslides):
    """Large landslides, the most doubtful first."""
    found = [feature for feature in landslides.getFeatures() if feature["area_m2"] > 8000]
    return sorted(found, key=lambda feature: -feature["uncertainty_mean"])


def review():
    """Decide about some landslides and draw what was looked through; the file is saved."""
    arrange()
    landslides, extent = layer_named("Landslides"), layer_named("Reviewed ground")
    iface.setActiveLayer(landslides)
    zoom(landslides.extent(), 1.05)
    picture("qgis_review")

    doubtful = by_doubt(landslides)
    landslides.startEditing()
    feature = doubtful[0]
    beside = feature.geometry().boundingBox()
    beside.grow(250)
    beside.setXMaximum(beside.xMaximum() + 1.6 * beside.width())  # the form lies over the right of the map
    zoom(beside)
    landslides.selectByIds([feature.id()])
    iface.openFeatureForm(landslides, feature, False, False)
    QApplication.processEvents()
    form = next(
        widget for widget in QApplication.topLevelWidgets() if isinstance(widget, QDialog) and widget.isVisible()
    )
    form.resize(620, 600)
    form.move(SIZE[0] - 630, 150)
    show_review(form)
    picture("qgis_form")
    form.close()

    index = landslides.fields().indexOf

    def decide(feature, **values):
        for name, value in values.items():
            assert landslides.changeAttributeValue(feature.id(), index(name), value), name

    decide(feature, review_status="rejected", reject_reason="quarry")
    for each in doubtful[1:4]:
        decide(each, review_status="rejected", reject_reason="field")
    for each in doubtful[-25:]:
        decide(each, review_status="confirmed", confidence=8, trigger="earthquake")
    redrawn = doubtful[-30]
    assert landslides.changeGeometry(redrawn.id(), redrawn.geometry().buffer(8, 6))
    assert landslides.commitChanges(), landslides.commitErrors()

    extent.startEditing()
    ground = QgsFeature(extent.fields())
    box = landslides.extent()
    box.scale(0.7)
    ground.setGeometry(QgsGeometry.fromRect(box))
    ground["reviewer"] = "A. Geologist"
    assert extent.addFeature(ground)
    assert extent.commitChanges(), extent.commitErrors()
    landslides.removeSelection()
    zoom(landslides.extent(), 0.6)
    landslides.triggerRepaint()
    extent.triggerRepaint()
    picture("qgis_reviewed")


def show_review(form):
    """Scroll a form to the analyst's fields, and choose in them."""
    for area in form.findChildren(QScrollArea):
        QApplication.processEvents()
        area.verticalScrollBar().setValue(area.verticalScrollBar().maximum())
        area.horizontalScrollBar().setValue(0)
    for choice in ("rejected", "quarry"):
        boxes = [box for box in form.findChildren(QComboBox) if box.findText(choice) >= 0]
        assert boxes, choice
        for box in boxes:
            box.setCurrentIndex(box.findText(choice))
    QApplication.processEvents()


def show(path):
    """A GeoPackage as anybody opens it: on its own, in the style that it carries."""
    project = QgsProject.instance()
    project.clear()
    arrange()
    for name in ("visibility", "reviewed_extent", "landslides", "crowns"):
        layer = QgsVectorLayer(f"{path}|layername={name}", name, "ogr")
        assert layer.isValid(), name
        project.addMapLayer(layer)
    project.setCrs(layer.crs())
    zoom(layer_named("landslides").extent(), 0.5)
    picture("qgis_inventory")


def main():
    """What was asked for, then the end of QGIS, whatever happens."""
    try:
        if "reviewed" in ASKED:
            show(ASKED["reviewed"])
        else:
            review()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    QgsProject.instance().clear()  # closes the files
    sys.stdout.flush()
    os._exit(0)


QTimer.singleShot(3000, main)
