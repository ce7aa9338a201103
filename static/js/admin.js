// The admin's pages: each form is sent once.

import { enableSubmitOnce } from "./submit_once.js";

enableSubmitOnce(document);
