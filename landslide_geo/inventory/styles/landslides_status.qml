<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.16" styleCategories="Symbology|Labeling|MapTips" labelsEnabled="0">
  <renderer-v2 forceraster="0" referencescale="-1" attr="CASE WHEN &quot;review_status&quot; = 'rejected' THEN 'rejected' ELSE coalesce(&quot;status&quot;, 'confirmed') END" symbollevels="0" enableorderby="0" type="categorizedSymbol">
    <categories>
      <category label="confirmed" render="true" value="confirmed" symbol="0" />
      <category label="provisional" render="true" value="provisional" symbol="1" />
      <category label="no longer visible" render="true" value="no_longer_visible" symbol="2" />
      <category label="rejected" render="true" value="rejected" symbol="3" />
      <category label="merged into another one" render="true" value="merged" symbol="4" />
    </categories>
    <symbols>
      <symbol alpha="1" clip_to_extent="1" name="0" force_rhr="0" type="fill">
        <layer locked="0" class="SimpleFill" enabled="1" pass="0">
          <Option type="Map">
            <Option value="213,94,0,130" name="color" type="QString" />
            <Option value="bevel" name="joinstyle" type="QString" />
            <Option value="122,48,0,255" name="outline_color" type="QString" />
            <Option value="solid" name="outline_style" type="QString" />
            <Option value="0.4" name="outline_width" type="QString" />
            <Option value="MM" name="outline_width_unit" type="QString" />
            <Option value="solid" name="style" type="QString" />
          </Option>
        </layer>
      </symbol>
      <symbol alpha="1" clip_to_extent="1" name="1" force_rhr="0" type="fill">
        <layer locked="0" class="SimpleFill" enabled="1" pass="0">
          <Option type="Map">
            <Option value="230,159,0,100" name="color" type="QString" />
            <Option value="bevel" name="joinstyle" type="QString" />
            <Option value="140,95,0,255" name="outline_color" type="QString" />
            <Option value="dash" name="outline_style" type="QString" />
            <Option value="0.4" name="outline_width" type="QString" />
            <Option value="MM" name="outline_width_unit" type="QString" />
            <Option value="solid" name="style" type="QString" />
          </Option>
        </layer>
      </symbol>
      <symbol alpha="1" clip_to_extent="1" name="2" force_rhr="0" type="fill">
        <layer locked="0" class="SimpleFill" enabled="1" pass="0">
          <Option type="Map">
            <Option value="0,158,115,60" name="color" type="QString" />
            <Option value="bevel" name="joinstyle" type="QString" />
            <Option value="0,90,65,255" name="outline_color" type="QString" />
            <Option value="solid" name="outline_style" type="QString" />
            <Option value="0.3" name="outline_width" type="QString" />
            <Option value="MM" name="outline_width_unit" type="QString" />
            <Option value="solid" name="style" type="QString" />
          </Option>
        </layer>
      </symbol>
      <symbol alpha="1" clip_to_extent="1" name="3" force_rhr="0" type="fill">
        <layer locked="0" class="SimpleFill" enabled="1" pass="0">
          <Option type="Map">
            <Option value="120,120,120,255" name="color" type="QString" />
            <Option value="bevel" name="joinstyle" type="QString" />
            <Option value="120,120,120,255" name="outline_color" type="QString" />
            <Option value="solid" name="outline_style" type="QString" />
            <Option value="0.3" name="outline_width" type="QString" />
            <Option value="MM" name="outline_width_unit" type="QString" />
            <Option value="no" name="style" type="QString" />
          </Option>
        </layer>
      </symbol>
      <symbol alpha="1" clip_to_extent="1" name="4" force_rhr="0" type="fill">
        <layer locked="0" class="SimpleFill" enabled="1" pass="0">
          <Option type="Map">
            <Option value="160,160,160,255" name="color" type="QString" />
            <Option value="bevel" name="joinstyle" type="QString" />
            <Option value="160,160,160,255" name="outline_color" type="QString" />
            <Option value="dot" name="outline_style" type="QString" />
            <Option value="0.2" name="outline_width" type="QString" />
            <Option value="MM" name="outline_width_unit" type="QString" />
            <Option value="no" name="style" type="QString" />
          </Option>
        </layer>
      </symbol>
    </symbols>
  </renderer-v2>
</qgis>
