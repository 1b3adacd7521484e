<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.16" styleCategories="Symbology">
  <pipe>
    <provider>
      <resampling enabled="false" zoomedInResamplingMethod="nearestNeighbour" zoomedOutResamplingMethod="nearestNeighbour" maxOversampling="2" />
    </provider>
    <rasterrenderer alphaBand="-1" nodataColor="" classificationMax="nan" opacity="1" band="1" classificationMin="nan" type="singlebandpseudocolor">
      <rastershader>
        <colorrampshader labelPrecision="6" minimumValue="0" clip="0" colorRampType="INTERPOLATED" maximumValue="1" classificationMode="1">
          <item alpha="0" color="#fcfdbf" label="0" value="0" />
          <item alpha="0" color="#fcfdbf" label="0.05" value="0.05" />
          <item alpha="110" color="#feca8d" label="0.1" value="0.1" />
          <item alpha="160" color="#f1605d" label="0.3" value="0.3" />
          <item alpha="190" color="#b73779" label="0.5" value="0.5" />
          <item alpha="215" color="#721f81" label="0.75" value="0.75" />
          <item alpha="235" color="#2c115f" label="1" value="1" />
        </colorrampshader>
      </rastershader>
    </rasterrenderer>
    <rasterresampler maxOversampling="2" />
    <resamplingStage>resamplingFilter</resamplingStage>
  </pipe>
  <blendMode>0</blendMode>
</qgis>
