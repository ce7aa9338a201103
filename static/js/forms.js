// Every page with forms: each is sent once, and what is typed is kept.

import { enableDrafts } from "./drafts.js";
import { enableSubmitOnce } from "./submit_once.js";

enableSubmitOnce(document);
enableDrafts(document);
