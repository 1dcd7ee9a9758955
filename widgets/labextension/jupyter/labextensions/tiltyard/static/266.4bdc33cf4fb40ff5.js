"use strict";(self.rspackChunktiltyard=self.rspackChunktiltyard||[]).push([[266],{646(t,r,e){var o=e(601),a=e.n(o),i=e(314),n=(e.n(i))()(a());n.push([t.id,`/* Tiltyard in JupyterLab: its variables throughout, so that light, dark and high-contrast themes are followed. */
.tiltyard-workbench { overflow: auto; background: var(--jp-layout-color0); padding: 0 12px 12px; }
.tiltyard-workbench .jp-OutputArea-output { overflow: visible; padding: 0; }
/* Important, for a layout sets its own least height on the element. */
.tiltyard-below { min-height: 45vh !important; }
.tiltyard-notice { display: flex; flex-wrap: wrap; align-items: center; gap: 8px; padding: 8px 12px; color: var(--jp-ui-font-color1); font-size: var(--jp-ui-font-size1); line-height: 1.4; }
.tiltyard-notice.lm-mod-hidden { display: none; }
.tiltyard-push { font: inherit; padding: 2px 10px; min-height: 24px; color: var(--jp-ui-font-color1); background: var(--jp-layout-color2); border: 1px solid var(--jp-border-color1); border-radius: 3px; cursor: pointer; }
.tiltyard-push:hover { background: var(--jp-layout-color3); }
.tiltyard-push:focus-visible { outline: 2px solid var(--jp-brand-color1); outline-offset: 1px; }
.tiltyard-push:disabled { opacity: 0.6; cursor: default; }
.tiltyard-link { padding: 0; min-height: 0; border: 0; background: none; color: var(--jp-content-link-color); text-align: left; overflow-wrap: anywhere; }
.tiltyard-link:hover { background: none; text-decoration: underline; }
.tiltyard-muted, .tiltyard-none { color: var(--jp-ui-font-color1); }
.tiltyard-none { margin: 4px 0; }
.tiltyard-trouble:empty { display: none; }
.tiltyard-trouble { display: flex; flex-wrap: wrap; gap: 8px; margin: 8px; padding: 8px; border: 1px solid var(--jp-border-color1); border-left: 4px solid var(--jp-warn-color0); color: var(--jp-ui-font-color1); overflow-wrap: anywhere; }
.tiltyard-chip, .tiltyard-badge { display: inline-flex; align-items: center; gap: 4px; padding: 0 6px; border: 1px solid var(--jp-border-color1); border-radius: 8px; font-size: var(--jp-ui-font-size0); line-height: 16px; white-space: nowrap; color: var(--jp-ui-font-color1); background: var(--jp-layout-color1); }
.tiltyard-chip::before, .tiltyard-badge::before { content: ""; width: 7px; height: 7px; border-radius: 50%; background: var(--jp-border-color0); }
.tiltyard-chip:is([data-severity="critical"], [data-severity="high"])::before, .tiltyard-badge[data-verdict="malicious"]::before { background: var(--jp-error-color1); }
.tiltyard-chip[data-severity="medium"]::before, .tiltyard-badge:is([data-verdict="unproven"], [data-verdict="known types"])::before { background: var(--jp-warn-color1); }
.tiltyard-badge[data-verdict="safe"]::before { background: var(--jp-success-color1); }
.tiltyard-badge { margin-left: 6px; flex: 0 1000 auto; min-width: 21px; box-sizing: border-box; overflow: hidden; }
.jp-DirListing-itemName:has(.tiltyard-badge) .jp-DirListing-itemText { flex: 1 1 auto; }

/* Side panel */
.tiltyard-side { display: flex; flex-direction: column; overflow: hidden; background: var(--jp-layout-color1); color: var(--jp-ui-font-color1); font-size: var(--jp-ui-font-size1); line-height: 1.4; min-width: 200px; }
.tiltyard-side.lm-mod-hidden { display: none; }
.tiltyard-side header { display: flex; justify-content: space-between; align-items: center; gap: 8px; padding: 8px; }
.tiltyard-side :is(h2, h3) { margin: 0; font-size: var(--jp-ui-font-size1); font-weight: 600; display: inline; }
.tiltyard-side details { flex: none; max-height: 24%; overflow: auto; border-top: 1px solid var(--jp-border-color2); padding: 4px 8px; }
.tiltyard-side summary { cursor: pointer; }
.tiltyard-going, .tiltyard-model, .tiltyard-severity { margin: 4px 0; }
.tiltyard-going progress { display: block; width: 100%; height: 6px; accent-color: var(--jp-brand-color1); }
.tiltyard-going > div { display: flex; justify-content: space-between; align-items: center; gap: 8px; }
.tiltyard-side .tiltyard-severity { border: 0; padding: 0; max-height: none; }
.tiltyard-severity ul { margin: 2px 0 6px; padding-left: 20px; }
.tiltyard-history { flex: 1 1 200px; min-height: 160px; display: flex; flex-direction: column; gap: 4px; border-top: 1px solid var(--jp-border-color2); padding: 6px 8px; overflow: hidden; }
.tiltyard-count { margin-left: 6px; font-weight: 400; font-variant-numeric: tabular-nums; }
.tiltyard-search { font: inherit; padding: 3px 6px; color: var(--jp-ui-font-color1); background: var(--jp-layout-color1); border: 1px solid var(--jp-border-color1); border-radius: 3px; }
.tiltyard-list { flex: 1; overflow: auto; position: relative; border: 1px solid var(--jp-border-color2); }
.tiltyard-list:focus-visible { outline: 2px solid var(--jp-brand-color1); outline-offset: -2px; }
.tiltyard-sizer { position: relative; }
.tiltyard-run { position: absolute; left: 0; right: 0; box-sizing: border-box; display: flex; gap: 6px; padding: 3px 6px; overflow: hidden; cursor: pointer; border-bottom: 1px solid var(--jp-border-color3); }
.tiltyard-run > div { flex: 1; min-width: 0; }
.tiltyard-run:hover { background: var(--jp-layout-color2); }
.tiltyard-run[aria-selected="true"] { background: var(--jp-layout-color2); }
.tiltyard-list:focus .tiltyard-run[data-active] { box-shadow: inset 3px 0 0 var(--jp-brand-color1); }
.tiltyard-mark { flex: none; width: 16px; }
.tiltyard-line { display: flex; gap: 6px; align-items: baseline; min-width: 0; white-space: nowrap; overflow: hidden; }
.tiltyard-name { flex: 1; min-width: 0; overflow: hidden; text-overflow: ellipsis; }
.tiltyard-pair { flex: none; }
.tiltyard-status-button { border: 0; background: none; min-height: 0; padding: 0 4px; max-width: 420px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; color: inherit; }

.tiltyard-model .tiltyard-line { flex-wrap: wrap; gap: 2px 6px; }
.tiltyard-trouble[data-state="missing"] { border-left-color: var(--jp-border-color0); }
.tiltyard-status { display: flex; align-items: center; }

/* Run, comparison and report */
.tiltyard-view { overflow: auto; padding: 16px 20px; background: var(--jp-layout-color1); color: var(--jp-ui-font-color1); font-size: var(--jp-content-font-size1); line-height: 1.45; }
.tiltyard-view h2 { margin: 0 0 4px; font-size: 1.35em; }
.tiltyard-view h3 { margin: 18px 0 6px; font-size: 1.1em; }
.tiltyard-view h4 { margin: 0; font-size: 1em; }
.tiltyard-actions { display: flex; flex-wrap: wrap; align-items: center; gap: 8px; margin: 10px 0; }
.tiltyard-facts { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 0; }
.tiltyard-facts dt { font-weight: 600; }
.tiltyard-facts dd { margin: 0; overflow-wrap: anywhere; }
.tiltyard-finding { border-left: 3px solid var(--jp-border-color1); padding: 2px 0 2px 12px; margin: 10px 0; max-width: 80ch; }
.tiltyard-finding p { margin: 4px 0; }
.tiltyard-table { overflow: auto; }
.tiltyard-table table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.tiltyard-table :is(th, td) { text-align: left; vertical-align: top; padding: 4px 12px 4px 0; border-bottom: 1px solid var(--jp-border-color2); }
.tiltyard-sheet { display: flex; flex-direction: column; padding: 0; overflow: hidden; }
.tiltyard-sheet.lm-mod-hidden { display: none; }
.tiltyard-sheet > .tiltyard-actions { margin: 6px 12px; }
/* A report follows what its frame says, not what the system asks. */
.tiltyard-paper { flex: 1; width: 100%; border: 0; background: #fff; color-scheme: light; }
body[data-jp-theme-light="false"] .tiltyard-paper { background: #16191d; color-scheme: dark; }
.tiltyard-print { position: fixed; left: -10000px; width: 800px; height: 1000px; border: 0; }

/* Hint above a cell, details of a verdict */
.tiltyard-hint { display: flex; justify-content: space-between; align-items: flex-start; gap: 12px; margin: 0 0 4px; padding: 4px 8px; border: 1px solid var(--jp-border-color1); border-left: 4px solid var(--jp-border-color0); font-size: var(--jp-ui-font-size1); color: var(--jp-ui-font-color1); background: var(--jp-layout-color1); }
.tiltyard-hint:has([data-verdict="malicious"]) { border-left-color: var(--jp-error-color1); }
.tiltyard-hint:has(:is([data-verdict="unproven"], [data-verdict="known types"])) { border-left-color: var(--jp-warn-color1); }
.tiltyard-hint ul { margin: 0; padding: 0; list-style: none; overflow-wrap: anywhere; }
.tiltyard-hint .tiltyard-push { flex: none; }
.tiltyard-verdict { max-width: 70ch; overflow-wrap: anywhere; color: var(--jp-ui-font-color1); }
.tiltyard-verdict ul { padding-left: 18px; }
`,""]),e.d(r,{},{A:n})},314(t){t.exports=function(t){var r=[];return r.toString=function(){return this.map(function(r){var e="",o=void 0!==r[5];return r[4]&&(e+="@supports (".concat(r[4],") {")),r[2]&&(e+="@media ".concat(r[2]," {")),o&&(e+="@layer".concat(r[5].length>0?" ".concat(r[5]):""," {")),e+=t(r),o&&(e+="}"),r[2]&&(e+="}"),r[4]&&(e+="}"),e}).join("")},r.i=function(t,e,o,a,i){"string"==typeof t&&(t=[[null,t,void 0]]);var n={};if(o)for(var l=0;l<this.length;l++){var d=this[l][0];null!=d&&(n[d]=!0)}for(var p=0;p<t.length;p++){var s=[].concat(t[p]);o&&n[s[0]]||(void 0!==i&&(void 0===s[5]||(s[1]="@layer".concat(s[5].length>0?" ".concat(s[5]):""," {").concat(s[1],"}")),s[5]=i),e&&(s[2]&&(s[1]="@media ".concat(s[2]," {").concat(s[1],"}")),s[2]=e),a&&(s[4]?(s[1]="@supports (".concat(s[4],") {").concat(s[1],"}"),s[4]=a):s[4]="".concat(a)),r.push(s))}},r}},601(t){t.exports=function(t){return t[1]}},665(t,r,e){e.r(r);var o=e(72),a=e.n(o),i=e(825),n=e.n(i),l=e(659),d=e.n(l),p=e(56),s=e.n(p),c=e(540),u=e.n(c),f=e(113),y=e.n(f),h=e(646),x={};x.styleTagTransform=y(),x.setAttributes=s(),x.insert=d().bind(null,"head"),x.domAPI=n(),x.insertStyleElement=u(),a()(h.A,x);let v=h.A&&h.A.locals?h.A.locals:void 0;e.d(r,{},{default:v})},72(t){var r=[];function e(t){for(var e=-1,o=0;o<r.length;o++)if(r[o].identifier===t){e=o;break}return e}function o(t,o){for(var a={},i=[],n=0;n<t.length;n++){var l=t[n],d=o.base?l[0]+o.base:l[0],p=a[d]||0,s="".concat(d," ").concat(p);a[d]=p+1;var c=e(s),u={css:l[1],media:l[2],sourceMap:l[3],supports:l[4],layer:l[5]};if(-1!==c)r[c].references++,r[c].updater(u);else{var f=function(t,r){var e=r.domAPI(r);return e.update(t),function(r){r?(r.css!==t.css||r.media!==t.media||r.sourceMap!==t.sourceMap||r.supports!==t.supports||r.layer!==t.layer)&&e.update(t=r):e.remove()}}(u,o);o.byIndex=n,r.splice(n,0,{identifier:s,updater:f,references:1})}i.push(s)}return i}t.exports=function(t,a){var i=o(t=t||[],a=a||{});return function(t){t=t||[];for(var n=0;n<i.length;n++){var l=e(i[n]);r[l].references--}for(var d=o(t,a),p=0;p<i.length;p++){var s=e(i[p]);0===r[s].references&&(r[s].updater(),r.splice(s,1))}i=d}}},659(t){var r={};t.exports=function(t,e){var o=function(t){if(void 0===r[t]){var e=document.querySelector(t);if(window.HTMLIFrameElement&&e instanceof window.HTMLIFrameElement)try{e=e.contentDocument.head}catch(t){e=null}r[t]=e}return r[t]}(t);if(!o)throw Error("Couldn't find a style target. This probably means that the value for the 'insert' parameter is invalid.");o.appendChild(e)}},540(t){t.exports=function(t){var r=document.createElement("style");return t.setAttributes(r,t.attributes),t.insert(r,t.options),r}},56(t,r,e){t.exports=function(t){var r=e.nc;r&&t.setAttribute("nonce",r)}},825(t){t.exports=function(t){if("u"<typeof document)return{update:function(){},remove:function(){}};var r=t.insertStyleElement(t);return{update:function(e){var o,a,i;o="",e.supports&&(o+="@supports (".concat(e.supports,") {")),e.media&&(o+="@media ".concat(e.media," {")),(a=void 0!==e.layer)&&(o+="@layer".concat(e.layer.length>0?" ".concat(e.layer):""," {")),o+=e.css,a&&(o+="}"),e.media&&(o+="}"),e.supports&&(o+="}"),(i=e.sourceMap)&&"u">typeof btoa&&(o+="\n/*# sourceMappingURL=data:application/json;base64,".concat(btoa(unescape(encodeURIComponent(JSON.stringify(i))))," */")),t.styleTagTransform(o,r,t.options)},remove:function(){var t;null===(t=r).parentNode||t.parentNode.removeChild(t)}}}},113(t){t.exports=function(t,r){if(r.styleSheet)r.styleSheet.cssText=t;else{for(;r.firstChild;)r.removeChild(r.firstChild);r.appendChild(document.createTextNode(t))}}}}]);