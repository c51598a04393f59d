// A page's image as OpenSeadragon shows it in the editor and on the lines' screen, where keys belong to the screen.

export const showImage = (element, image, { seconds, doubleClickZooms, ...options }) => {
  const gestures = { clickToZoom: false, dblClickToZoom: doubleClickZooms };
  const viewer = window.OpenSeadragon({
    element,
    drawer: "canvas",
    tileSources: {
      width: image.width,
      height: image.height,
      tileSize: image.tileSize,
      tileOverlap: image.overlap,
      minLevel: 0,
      maxLevel: Math.ceil(Math.log2(Math.max(image.width, image.height, 1))),
      getTileUrl: (level, column, row) => `${image.tiles}${level}/${column}_${row}.jpg?v=${image.version}`,
    },
    showNavigationControl: false,
    showNavigator: true,
    navigatorPosition: "TOP_RIGHT",
    navigatorSizeRatio: 0.12,
    navigatorAutoFade: true,
    animationTime: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : seconds,
    visibilityRatio: 0.35,
    minZoomImageRatio: 0.6,
    gestureSettingsMouse: gestures,
    gestureSettingsTouch: gestures,
    gestureSettingsPen: gestures,
    ...options,
  });
  viewer.innerTracker.keyHandler = null;
  viewer.innerTracker.keyDownHandler = null;
  viewer.canvas.removeAttribute("tabindex");
  viewer.navigator?.element.setAttribute("aria-hidden", "true");
  return viewer;
};
