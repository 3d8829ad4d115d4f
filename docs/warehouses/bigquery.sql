-- The least that `instaview load --destination bigquery` needs, for the service account
-- instaview-loader@PROJECT.iam.gserviceaccount.com. Replace PROJECT and the location, and run it in BigQuery.
-- dlt loads into `instaview_staging` first, and merges from there into `instaview`. To BigQuery's roles a view is a
-- table: the editor may create it, and who may view the dataset may read it.
CREATE SCHEMA IF NOT EXISTS `PROJECT.instaview` OPTIONS (location = 'EU');
CREATE SCHEMA IF NOT EXISTS `PROJECT.instaview_staging` OPTIONS (location = 'EU');
GRANT `roles/bigquery.dataEditor` ON SCHEMA `PROJECT`.`instaview`
  TO "serviceAccount:instaview-loader@PROJECT.iam.gserviceaccount.com";
GRANT `roles/bigquery.dataEditor` ON SCHEMA `PROJECT`.`instaview_staging`
  TO "serviceAccount:instaview-loader@PROJECT.iam.gserviceaccount.com";

-- Running queries and load jobs is a right of the project, which SQL cannot grant:
--   gcloud projects add-iam-policy-binding PROJECT --role roles/bigquery.jobUser \
--     --member serviceAccount:instaview-loader@PROJECT.iam.gserviceaccount.com

-- who reads the tables
GRANT `roles/bigquery.dataViewer` ON SCHEMA `PROJECT`.`instaview` TO "group:analysts@example.com";
