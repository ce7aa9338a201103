// Every page with forms but the calendar: each form is sent once, and what is typed is kept.

import { enableDrafts } from "./drafts.js";
import { enableSubmitOnce } from "./submit_once.js";

enableSubmitOnce(document);
enableDrafts(document);
