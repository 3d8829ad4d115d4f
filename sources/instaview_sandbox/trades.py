"""What invented people do for a living: their roles, skills and the sentences said about them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TRADES", "Trade"]


@dataclass(frozen=True, slots=True)
class Trade:
    """One profession: the words a candidate of it is described with."""

    name: str
    roles: tuple[str, ...]
    skills: tuple[str, ...]
    highlights: tuple[str, ...]
    strengths: tuple[str, ...]
    doubts: tuple[str, ...]


def _trade(name: str, roles: str, skills: str, highlights: str, strengths: str, doubts: str) -> Trade:
    fields = (roles, skills, highlights, strengths, doubts)
    return Trade(name, *(tuple(part.strip() for part in field.split("|")) for field in fields))


TRADES: tuple[Trade, ...] = (
    _trade(
        "backend engineering",
        "Backend Engineer | Senior Backend Engineer | Staff Engineer | Platform Engineer | Principal Engineer",
        "Python | Go | PostgreSQL | Kafka | Kubernetes | gRPC | Redis | Rust | Node.js | AWS | Terraform | C++",
        "Cut the p99 latency of the order service from 900 ms to 120 ms. | Split a monolith into nine "
        'services without a day of downtime. | Wrote the company\'s "how we do on-call" handbook. | '
        "Moved 4 TB of live data to PostgreSQL 15. | Brought the cloud bill down by 38 %.",
        "Has run services at scale | Writes about design decisions | Deep PostgreSQL knowledge | 6+ years of Go",
        "Short stays at the last two employers | No experience with a public cloud | Only small teams so far",
    ),
    _trade(
        "frontend engineering",
        "Frontend Engineer | Senior Frontend Developer | UI Engineer | Web Platform Lead",
        "TypeScript | React | Vue | CSS | Accessibility | GraphQL | Playwright | Figma | Next.js | WebGL",
        "Rebuilt the checkout; conversions rose by 11 %. | Led the design system used by 14 teams. | Made"
        " the app usable by keyboard alone, end to end. | Halved the bundle from 1.2 MB to 590 kB.",
        "Strong on accessibility | Has led a design system | Ships small and often",
        "Little backend exposure | Portfolio is two years old | Prefers to work alone",
    ),
    _trade(
        "data and machine learning",
        "Data Engineer | Senior Data Scientist | Machine Learning Engineer | Analytics Lead | MLOps Engineer",
        "SQL | dbt | Airflow | Spark | PyTorch | Snowflake | Feature stores | Statistics | DuckDB | MLflow",
        "Built a feature store serving 3,000 requests a second. | Found the reporting error that had "
        "hidden €1.4M of revenue. | Trained a ranking model that replaced 200 hand-written rules. | "
        "Taught 60 colleagues SQL.",
        "End-to-end ownership of models | Explains results to non-technical people | Published open-source work",
        "Has not deployed models in production | Academic background only | No streaming experience",
    ),
    _trade(
        "product management",
        "Product Manager | Senior Product Manager | Head of Product | Product Owner",
        "Roadmapping | User research | A/B testing | SQL | Pricing | Jira | OKRs | Workshops | B2B SaaS",
        "Took a product from nothing to 40,000 users in a year. | Closed three features nobody used; "
        "nobody complained. | Ran 120 interviews with customers in five countries.",
        "Talks to users every week | Comfortable with numbers | Has launched in several markets",
        "No experience with hardware | Moved between industries often | Has not managed people",
    ),
    _trade(
        "finance",
        "Financial Controller | Senior Accountant | FP&A Analyst | Treasury Manager | CFO",
        "IFRS | SAP | Excel | Power BI | Consolidation | Audit | Forecasting | VAT | Cash management",
        "Shortened the monthly close from 12 days to 4. | Prepared the group for its first audit under "
        "IFRS. | Negotiated a credit line of €25M.",
        "Knows IFRS and local GAAP | Has worked with auditors | Calm at year end",
        "Never worked outside banking | No ERP migration experience | Notice period of six months",
    ),
    _trade(
        "nursing and care",
        "Registered Nurse | Charge Nurse | ICU Nurse | Clinical Educator | Head of Care",
        "Triage | Wound care | Patient records | Ventilation | Training | German B2 | Palliative care | BLS/ALS",
        "Led a ward of 28 beds through two winters. | Trained 45 new nurses. | Introduced a hand-over "
        "sheet that the whole hospital now uses.",
        "Ten years in intensive care | Certified trainer | Speaks three languages",
        "Licence must be recognised abroad | Nights only | No paediatric experience",
    ),
    _trade(
        "sales",
        "Account Executive | Sales Manager | Business Development Lead | Key Account Manager | SDR",
        "Negotiation | CRM | Salesforce | Cold outreach | Forecasting | Enterprise deals | Presentations",
        "Reached 134 % of quota three years in a row. | Opened the DACH market with a team of two. | Won "
        "back eleven lost customers.",
        "Proven new business record | Network in manufacturing | Speaks the customer's language",
        "Only inbound sales | Sold to small firms only | No recent references",
    ),
    _trade(
        "mechanical engineering and manufacturing",
        "Mechanical Engineer | Process Engineer | Quality Manager | CNC Programmer | Plant Manager",
        "SolidWorks | Lean | Six Sigma | AutoCAD | ISO 9001 | PLC | FMEA | Welding | Catia | 5S",
        "Reduced scrap from 6 % to 1.5 %. | Moved a line of 30 machines over one weekend. | Holds two "
        'patents on a "self-locking" hinge.',
        "Hands-on at the machine | Automotive background | Led audits",
        "No experience with robots | English at B1 | Would need to relocate",
    ),
    _trade(
        "people and talent",
        "Recruiter | HR Business Partner | Talent Acquisition Lead | People Operations Manager",
        "Sourcing | Interviewing | Labour law | Employer branding | Onboarding | Payroll | Coaching | Workday",
        "Hired 70 engineers in 18 months. | Cut time to hire from 61 to 34 days. | Wrote an onboarding "
        "plan that new people praise by name.",
        "Hires for hard roles | Trusted by managers | Knows the local market",
        "Agency experience only | No exposure to unions | Has not used an ATS",
    ),
    _trade(
        "design and research",
        "Product Designer | UX Researcher | Senior Designer | Service Designer | Design Lead",
        "Figma | Prototyping | Usability testing | Interviews | Typography | Illustration | Information design",
        "Redesigned a tax form that 2M people fill in. | Set up a panel of 900 test users. | Drew all the"
        " icons by hand,\nthen threw half of them away.",
        "Portfolio shows the reasoning | Researches before drawing | Works well with engineers",
        "Mostly agency work | No mobile projects | Little experience with data-heavy products",
    ),
)
