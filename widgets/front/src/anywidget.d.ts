declare module "anywidget" {
  import type * as base from "@jupyter-widgets/base";
  const make: (widgets: typeof base) => { AnyModel: unknown; AnyView: unknown };
  export default make;
}
