/** The shield with a lance's mark, in the theme's own color. */

import { LabIcon } from '@jupyterlab/ui-components';

const SVG = `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">
  <path class="jp-icon3 jp-icon-selectable" fill="#616161" fill-rule="evenodd"
    d="M12 1.5 3.5 4.6v6.3c0 5.2 3.5 9.6 8.5 11.6 5-2 8.5-6.4 8.5-11.6V4.6L12 1.5Zm0 2.2 6.5 2.4v4.8c0 4.1-2.6 7.6-6.5 9.4-3.9-1.8-6.5-5.3-6.5-9.4V6.1L12 3.7Zm4.1 3.6-6 6-2-2-1.3 1.3 3.3 3.3 7.3-7.3-1.3-1.3Z"/>
</svg>`;

export const shield = new LabIcon({ name: 'tiltyard:shield', svgstr: SVG });
