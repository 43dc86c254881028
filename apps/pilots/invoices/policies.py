"""The policies that the demonstration starts with, as a council would write them."""

from __future__ import annotations

BASICS = """
@id("unknown-supplier") @reason("Payments go to known suppliers only.")
forbid (principal, action == Action::"payments.schedule", resource)
unless { context.facts.supplier_known };

@id("account-must-match") @reason("Money goes to the account in the master data, no other.")
forbid (principal, action == Action::"payments.schedule", resource)
unless { context.facts.account_matches };

@id("posted-first") @reason("Only a posted invoice is paid.")
forbid (principal, action == Action::"payments.schedule", resource)
unless { context.facts.status == "posted" };

@id("no-duplicates") @reason("An invoice that came in before is not posted again.")
forbid (principal, action == Action::"invoices.post", resource)
when { context.facts.duplicate };

@id("blocked-supplier") @reason("The supplier is blocked.")
forbid (principal, action in [Action::"invoices.post", Action::"payments.schedule"], resource)
when { context.facts has supplier_blocked && context.facts.supplier_blocked };
"""

PAYMENTS = """
@id("large-payment") @checkpoint("payment-approval") @approvers("1") @within("PT4H")
@reason("Payments over EUR 10,000.00 need a finance approver.")
forbid (principal, action == Action::"payments.schedule", resource)
when { context.facts.amount > 1000000 }
unless { context.approvals.contains("payment-approval") };

@id("very-large-payment") @checkpoint("payment-approval") @approvers("2") @within("PT4H")
@reason("Payments over EUR 50,000.00 need two finance approvers.")
forbid (principal, action == Action::"payments.schedule", resource)
when { context.facts.amount > 5000000 }
unless { context.approvals.contains("payment-approval") };

@id("fresh-account") @checkpoint("payment-approval") @approvers("1") @within("PT4H")
@reason("The supplier's account is younger than 30 days.")
forbid (principal, action == Action::"payments.schedule", resource)
when { context.facts has account_known_days && context.facts.account_known_days < 30 }
unless { context.approvals.contains("payment-approval") };

@id("talks-like-an-order") @checkpoint("payment-approval") @approvers("1") @within("PT4H")
@reason("The invoice contains text that talks like an instruction.")
forbid (principal, action == Action::"invoices.post", resource)
when { context.facts.suspicious_text }
unless { context.approvals.contains("payment-approval") };

@id("same-number-again") @checkpoint("payment-approval") @approvers("1") @within("PT4H")
@reason("The supplier used this invoice number before, with another amount or date.")
forbid (principal, action == Action::"invoices.post", resource)
when { context.facts has near_duplicate && context.facts.near_duplicate }
unless { context.approvals.contains("payment-approval") };

@id("more-than-ordered") @checkpoint("payment-approval") @approvers("1") @within("PT8H")
@reason("The invoice is above the order, though within the tolerance.")
forbid (principal, action == Action::"invoices.post", resource)
when { context.facts has over_order_permille && context.facts.over_order_permille > 0 }
unless { context.approvals.contains("payment-approval") };

@id("large-credit-note") @checkpoint("credit-note") @approvers("1") @within("PT8H")
@reason("Credit notes over EUR 1,000.00 are confirmed by somebody who knows the delivery.")
forbid (principal, action == Action::"invoices.post", resource)
when { context.facts has credit_note && context.facts.credit_note
  && context.facts has amount && context.facts.amount > 100000 }
unless { context.approvals.contains("credit-note") };
"""

VENDORS = """
@id("account-change") @checkpoint("vendor-data") @approvers("2") @within("PT4H")
@reason("A changed bank account always needs two people.")
forbid (principal, action == Action::"suppliers.change_account", resource)
unless { context.approvals.contains("vendor-data") };

@id("account-valid") @reason("The new account number is not a valid IBAN.")
forbid (principal, action == Action::"suppliers.change_account", resource)
unless { context.facts.account_valid };
"""

HELPDESK = """
@id("known-recipient") @reason("Mail goes to addresses on the organisation's list, to no others.")
forbid (principal, action == Action::"suppliers.answer", resource)
unless { context.facts has recipient_known && context.facts.recipient_known };

@id("read-from-outside") @checkpoint("vendor-data") @approvers("1") @within("PT4H")
@reason("The agent has read text from outside; a person looks at what it writes.")
forbid (principal, action == Action::"suppliers.answer", resource)
when { context.session.untrusted_read }
unless { context.approvals.contains("vendor-data") };
"""

POLICIES = (
    ("payables-basics", "Payables basics", "What is never paid or posted.", BASICS),
    ("payment-approval", "Payment approval", "When a person looks at a payment.", PAYMENTS),
    ("vendor-bank-details", "Vendor bank details", "Who may change where money goes.", VENDORS),
    ("supplier-helpdesk", "Supplier helpdesk", "To whom agents write, and when.", HELPDESK),
)
