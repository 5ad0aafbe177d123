import { render } from "solid-js/web";
import { Shell } from "./app/shell";
import { mark, withTexts } from "./app/prefs";
import "./style/tokens.css";
import "./style/base.css";
import "./style/shell.css";
import "./style/pages.css";
import "./style/grid.css";
import "./style/chart.css";

mark();
const root = document.getElementById("app");
if (root) withTexts(() => render(() => <Shell />, root));
