// Pages with forms other than the calendar: prevents double submission and keeps drafts.

import { enableDrafts } from "./drafts.js";
import { enableSubmitOnce } from "./submit_once.js";

enableSubmitOnce(document);
enableDrafts(document);
