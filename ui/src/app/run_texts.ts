/** The texts of run pages and previews: they load with the first of them. */

import en from "../i18n/run.en.json";
import ko from "../i18n/run.ko.json";
import { addTexts } from "./prefs";

addTexts({ en, ko });
