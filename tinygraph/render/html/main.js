// Begin.
(() => {
  document.querySelector("#name h1").textContent = tg.data.title;
  document.querySelector("#name p").textContent = tg.data.subtitle;

  const picture = tg.byId("picture");
  picture.addEventListener("click", (event) => {
    const box = tg.views.boxAt(event.target);
    if (!box) return tg.page.selectNone();
    tg.page.selectBox(box);
    tg.views.focus(box);
  });
  picture.addEventListener("dblclick", (event) => {
    const box = tg.views.boxAt(event.target);
    if (box?.opens) tg.views.enter(box);
  });

  if (tg.stepper) tg.stepper.start();
  tg.views.open(tg.data.first);
  tg.details.show(null);
})();
