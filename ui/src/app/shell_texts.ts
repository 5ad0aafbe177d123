/** Texts of the frame that no page needs at its start; what says one of them imports this. */

import en from "../i18n/shell.en.json";
import ko from "../i18n/shell.ko.json";
import { addTexts } from "./prefs";

addTexts({ en, ko });
