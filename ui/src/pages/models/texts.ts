/** The texts of the registry's pages: they load with the first of them. */

import { addTexts } from "../../app/prefs";
import en from "../../i18n/models.en.json";
import ko from "../../i18n/models.ko.json";
import "./models.css";

addTexts({ en, ko });
