/** Dark or light: as the system says, until a person chooses. */

export type Theme = "dark" | "light";

const KEY = "tes-theme";

/** Applies what was chosen before, and tells what is shown. */
export function chosenTheme(storage: Storage): Theme {
  const chosen = storage.getItem(KEY);
  if (chosen === "dark" || chosen === "light") {
    document.documentElement.dataset.theme = chosen;
    return chosen;
  }
  return matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
}

export function turnTheme(storage: Storage): Theme {
  const next = chosenTheme(storage) === "light" ? "dark" : "light";
  storage.setItem(KEY, next);
  return chosenTheme(storage);
}
