<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.16" styleCategories="Symbology|Labeling|MapTips" labelsEnabled="1">
  <renderer-v2 forceraster="0" referencescale="-1" attr="CASE WHEN &quot;review_status&quot; = 'rejected' THEN 'rejected' ELSE &quot;confidence&quot; END" symbollevels="0" enableorderby="0" type="categorizedSymbol">
    <categories>
      <category label="1 possible" render="true" value="1" symbol="0" />
      <category label="2 probable" render="true" value="2" symbol="1" />
      <category label="3 likely" render="true" value="3" symbol="2" />
      <category label="5 confident, consequential" render="true" value="5" symbol="3" />
      <category label="8 high confidence" render="true" value="8" symbol="4" />
      <category label="rejected in review" render="true" value="rejected" symbol="6" />
      <category label="not judged" render="true" value="" symbol="5" />
    </categories>
    <symbols>
      <symbol alpha="1" clip_to_extent="1" name="0" force_rhr="0" type="fill">
        <layer locked="0" class="SimpleFill" enabled="1" pass="0">
          <Option type="Map">
            <Option value="240,228,66,90" name="color" type="QString" />
            <Option value="bevel" name="joinstyle" type="QString" />
            <Option value="138,128,0,255" name="outline_color" type="QString" />
            <Option value="solid" name="outline_style" type="QString" />
            <Option value="0.35" name="outline_width" type="QString" />
            <Option value="MM" name="outline_width_unit" type="QString" />
            <Option value="solid" name="style" type="QString" />
          </Option>
        </layer>
      </symbol>
      <symbol alpha="1" clip_to_extent="1" name="1" force_rhr="0" type="fill">
        <layer locked="0" class="SimpleFill" enabled="1" pass="0">
          <Option type="Map">
            <Option value="230,159,0,90" name="color" type="QString" />
            <Option value="bevel" name="joinstyle" type="QString" />
            <Option value="138,95,0,255" name="outline_color" type="QString" />
            <Option value="solid" name="outline_style" type="QString" />
            <Option value="0.35" name="outline_width" type="QString" />
            <Option value="MM" name="outline_width_unit" type="QString" />
            <Option value="solid" name="style" type="QString" />
          </Option>
        </layer>
      </symbol>
      <symbol alpha="1" clip_to_extent="1" name="2" force_rhr="0" type="fill">
        <layer locked="0" class="SimpleFill" enabled="1" pass="0">
          <Option type="Map">
            <Option value="213,94,0,90" name="color" type="QString" />
            <Option value="bevel" name="joinstyle" type="QString" />
            <Option value="122,48,0,255" name="outline_color" type="QString" />
            <Option value="solid" name="outline_style" type="QString" />
            <Option value="0.35" name="outline_width" type="QString" />
            <Option value="MM" name="outline_width_unit" type="QString" />
            <Option value="solid" name="style" type="QString" />
          </Option>
        </layer>
      </symbol>
      <symbol alpha="1" clip_to_extent="1" name="3" force_rhr="0" type="fill">
        <layer locked="0" class="SimpleFill" enabled="1" pass="0">
          <Option type="Map">
            <Option value="204,121,167,90" name="color" type="QString" />
            <Option value="bevel" name="joinstyle" type="QString" />
            <Option value="125,60,96,255" name="outline_color" type="QString" />
            <Option value="solid" name="outline_style" type="QString" />
            <Option value="0.35" name="outline_width" type="QString" />
            <Option value="MM" name="outline_width_unit" type="QString" />
            <Option value="solid" name="style" type="QString" />
          </Option>
        </layer>
      </symbol>
      <symbol alpha="1" clip_to_extent="1" name="4" force_rhr="0" type="fill">
        <layer locked="0" class="SimpleFill" enabled="1" pass="0">
          <Option type="Map">
            <Option value="136,34,85,90" name="color" type="QString" />
            <Option value="bevel" name="joinstyle" type="QString" />
            <Option value="77,16,48,255" name="outline_color" type="QString" />
            <Option value="solid" name="outline_style" type="QString" />
            <Option value="0.35" name="outline_width" type="QString" />
            <Option value="MM" name="outline_width_unit" type="QString" />
            <Option value="solid" name="style" type="QString" />
          </Option>
        </layer>
      </symbol>
      <symbol alpha="1" clip_to_extent="1" name="5" force_rhr="0" type="fill">
        <layer locked="0" class="SimpleFill" enabled="1" pass="0">
          <Option type="Map">
            <Option value="255,255,255,40" name="color" type="QString" />
            <Option value="bevel" name="joinstyle" type="QString" />
            <Option value="0,0,0,255" name="outline_color" type="QString" />
            <Option value="solid" name="outline_style" type="QString" />
            <Option value="0.35" name="outline_width" type="QString" />
            <Option value="MM" name="outline_width_unit" type="QString" />
            <Option value="solid" name="style" type="QString" />
          </Option>
        </layer>
      </symbol>
      <symbol alpha="1" clip_to_extent="1" name="6" force_rhr="0" type="fill">
        <layer locked="0" class="SimpleFill" enabled="1" pass="0">
          <Option type="Map">
            <Option value="120,120,120,0" name="color" type="QString" />
            <Option value="bevel" name="joinstyle" type="QString" />
            <Option value="120,120,120,255" name="outline_color" type="QString" />
            <Option value="dash" name="outline_style" type="QString" />
            <Option value="0.35" name="outline_width" type="QString" />
            <Option value="MM" name="outline_width_unit" type="QString" />
            <Option value="no" name="style" type="QString" />
          </Option>
        </layer>
      </symbol>
    </symbols>
    <rotation />
    <sizescale />
  </renderer-v2>
  <labeling type="simple">
    <settings calloutType="simple">
      <text-style isExpression="1" fontSizeUnit="Point" fontWeight="50" textColor="26,26,26,255" fieldName="CASE WHEN &quot;review_status&quot; = 'rejected' THEN '' WHEN &quot;area_m2&quot; &gt;= 10000 THEN format_number(&quot;area_m2&quot; / 10000, 1) || ' ha' ELSE format_number(&quot;area_m2&quot;, 0) || ' m²' END" useSubstitutions="0" textOpacity="1" fontItalic="0" fontSize="8">
        <text-buffer bufferJoinStyle="128" bufferNoFill="1" bufferColor="255,255,255,255" bufferOpacity="1" bufferBlendMode="0" bufferSize="0.80000000000000004" bufferDraw="1" bufferSizeUnits="MM" />
      </text-style>
      <text-format placeDirectionSymbol="0" multilineAlign="3" decimals="3" autoWrapLength="0" rightDirectionSymbol="&gt;" plussign="0" formatNumbers="0" reverseDirectionSymbol="0" wrapChar="" useMaxLineLengthForAutoWrap="1" leftDirectionSymbol="&lt;" addDirectionSymbol="0" />
      <rendering drawLabels="1" scaleVisibility="1" scaleMin="0" scaleMax="25000" obstacle="1" />
    </settings>
  </labeling>
  <blendMode>0</blendMode>
  <featureBlendMode>0</featureBlendMode>
  <layerGeometryType>2</layerGeometryType>
</qgis>
