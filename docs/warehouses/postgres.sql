-- The least that `instaview load --destination postgres` needs, for a database that exists. Run it as its owner,
-- connected to that database.
CREATE ROLE instaview_loader LOGIN PASSWORD 'choose-one';

-- dlt loads into `instaview_staging` first, and merges from there into `instaview`
CREATE SCHEMA instaview AUTHORIZATION instaview_loader;
CREATE SCHEMA instaview_staging AUTHORIZATION instaview_loader;

-- who reads the tables, and the views: to Postgres's grants they are tables
CREATE ROLE instaview_reader;
GRANT USAGE ON SCHEMA instaview TO instaview_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE instaview_loader IN SCHEMA instaview GRANT SELECT ON TABLES TO instaview_reader;
