<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.16" styleCategories="Symbology">
  <pipe>
    <provider>
      <resampling enabled="false" zoomedInResamplingMethod="nearestNeighbour" zoomedOutResamplingMethod="nearestNeighbour" maxOversampling="2" />
    </provider>
    <rasterrenderer alphaBand="-1" nodataColor="" classificationMax="nan" opacity="1" band="1" classificationMin="nan" type="singlebandpseudocolor">
      <rastershader>
        <colorrampshader labelPrecision="6" minimumValue="0" clip="0" colorRampType="INTERPOLATED" maximumValue="0.29999999999999999" classificationMode="1">
          <item alpha="0" color="#440154" label="0" value="0" />
          <item alpha="80" color="#440154" label="0.02" value="0.02" />
          <item alpha="150" color="#31688e" label="0.1" value="0.1" />
          <item alpha="190" color="#35b779" label="0.2" value="0.2" />
          <item alpha="220" color="#fde725" label="0.3" value="0.3" />
        </colorrampshader>
      </rastershader>
    </rasterrenderer>
    <rasterresampler maxOversampling="2" />
    <resamplingStage>resamplingFilter</resamplingStage>
  </pipe>
  <blendMode>0</blendMode>
</qgis>
