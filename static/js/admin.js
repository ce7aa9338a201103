// Pages of the Django admin: prevents double submission.

import { enableSubmitOnce } from "./submit_once.js";

enableSubmitOnce(document);
