-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)
--
-- Host: shop.cluster-abc.eu-central-1.rds.amazonaws.com    Database: shop
-- ------------------------------------------------------
-- Server version	8.0.36

/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET @OLD_CHARACTER_SET_RESULTS=@@CHARACTER_SET_RESULTS */;
/*!40101 SET @OLD_COLLATION_CONNECTION=@@COLLATION_CONNECTION */;
/*!50503 SET NAMES utf8mb4 */;
/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;
/*!40103 SET TIME_ZONE='+00:00' */;
/*!40014 SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0 */;
/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES, SQL_NOTES=0 */;
SET @MYSQLDUMP_TEMP_LOG_BIN = @@SESSION.SQL_LOG_BIN;
SET @@SESSION.SQL_LOG_BIN= 0;

--
-- GTID state at the beginning of the backup 
--

SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ '3e11fa47-71ca-11e1-9e33-c80aa9429562:1-23,
4e11fa47-71ca-11e1-9e33-c80aa9429562:1-5';

--
-- Current Database: `shop`
--

CREATE DATABASE /*!32312 IF NOT EXISTS*/ `shop` /*!40100 DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci */ /*!80016 DEFAULT ENCRYPTION='N' */;

USE `shop`;

--
-- Table structure for table `customer`
--

DROP TABLE IF EXISTS `customer`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!50503 SET character_set_client = utf8mb4 */;
CREATE TABLE `customer` (
  `id` int unsigned NOT NULL AUTO_INCREMENT,
  `name` varchar(100) COLLATE utf8mb4_0900_as_cs NOT NULL,
  `email` varchar(200) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci DEFAULT NULL,
  `name_lower` varchar(100) COLLATE utf8mb4_0900_as_cs GENERATED ALWAYS AS (lower(`name`)) STORED NOT NULL,
  `first` varchar(1) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci GENERATED ALWAYS AS (substr(`name`,1,1)) VIRTUAL,
  `secret` int DEFAULT '7' /*!80023 INVISIBLE */,
  `preferences` json DEFAULT NULL,
  `token` char(36) COLLATE utf8mb4_0900_bin NOT NULL DEFAULT (uuid()),
  `home` point DEFAULT NULL /*!80003 SRID 0 */,
  `created` datetime(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
  PRIMARY KEY (`id`),
  UNIQUE KEY `email` (`email`),
  KEY `name` (`name`(20),`created` DESC),
  KEY `hidden` (`created`) /*!80000 INVISIBLE */,
  FULLTEXT KEY `words` (`name`),
  CONSTRAINT `named` CHECK ((char_length(`name`) > 0)),
  CONSTRAINT `soft` CHECK ((`secret` > 100)) /*!80016 NOT ENFORCED */
) ENGINE=InnoDB AUTO_INCREMENT=4 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci COMMENT='keeps; the word utf8mb4_0900_ai_ci' /*!80016 ENCRYPTION='Y' */;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `customer`
--

LOCK TABLES `customer` WRITE;
/*!40000 ALTER TABLE `customer` DISABLE KEYS */;
INSERT INTO `customer` (`id`, `name`, `email`, `secret`, `preferences`, `token`, `home`, `created`) VALUES (1,'O\'Hara; -- not a comment',NULL,7,'{\"a\": [1, 2], \"utf8mb4_0900_ai_ci\": null}','t1',NULL,'2026-01-01 00:00:00.000001'),(2,'Zoë\n/* neither */','zoe@example.com',NULL,NULL,'t2',_binary '\0\0\0\0\0\0\0\0\0\0\0\0\0�?\0\0\0\0\0\0\0@','2026-01-01 00:00:00.000000'),(3,'résumé','r@example.com',8,'[]','t3',NULL,'2026-01-02 00:00:00.000000');
/*!40000 ALTER TABLE `customer` ENABLE KEYS */;
UNLOCK TABLES;

DROP TABLE IF EXISTS `order`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!50503 SET character_set_client = utf8mb4 */;
CREATE TABLE `order` (
  `id` bigint NOT NULL,
  `customer_id` int unsigned NOT NULL,
  `placed` date NOT NULL,
  `raw` longblob,
  `flags` bit(8) DEFAULT b'0',
  PRIMARY KEY (`id`,`placed`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci
/*!50100 PARTITION BY RANGE (year(`placed`))
(PARTITION p0 VALUES LESS THAN (2026) ENGINE = InnoDB,
 PARTITION p1 VALUES LESS THAN MAXVALUE ENGINE = InnoDB) */;
/*!40101 SET character_set_client = @saved_cs_client */;
INSERT INTO `order` VALUES (1,1,'2025-12-31',_binary 'a\0b\\;\'`',_binary ''),(2,2,'2026-01-01',0x00FF27,NULL);
INSERT INTO `order` VALUES (3,2,'2026-01-02',NULL,_binary '\0');
/*!50003 SET @saved_cs_client      = @@character_set_client */ ;
/*!50003 SET @saved_cs_results     = @@character_set_results */ ;
/*!50003 SET @saved_col_connection = @@collation_connection */ ;
/*!50003 SET character_set_client  = utf8mb4 */ ;
/*!50003 SET character_set_results = utf8mb4 */ ;
/*!50003 SET collation_connection  = utf8mb4_0900_ai_ci */ ;
/*!50003 SET @saved_sql_mode       = @@sql_mode */ ;
/*!50003 SET sql_mode              = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION' */ ;
DELIMITER ;;
/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER `order_bi` BEFORE INSERT ON `order` FOR EACH ROW BEGIN
  -- a comment; with a semicolon
  IF NEW.flags IS NULL THEN SET NEW.flags = b'1'; END IF;
END */;;
DELIMITER ;
/*!50003 SET sql_mode              = @saved_sql_mode */ ;
/*!50003 SET character_set_client  = @saved_cs_client */ ;
/*!50003 SET character_set_results = @saved_cs_results */ ;
/*!50003 SET collation_connection  = @saved_col_connection */ ;

--
-- Temporary view structure for view `busy`
--

DROP TABLE IF EXISTS `busy`;
/*!50001 DROP VIEW IF EXISTS `busy`*/;
SET @saved_cs_client     = @@character_set_client;
/*!50503 SET character_set_client = utf8mb4 */;
/*!50001 CREATE VIEW `busy` AS SELECT 
 1 AS `name`,
 1 AS `orders`*/;
SET character_set_client = @saved_cs_client;

--
-- Dumping routines for database 'shop'
--
DELIMITER ;;
CREATE DEFINER=`admin`@`%` FUNCTION `orders_of`(c int) RETURNS int
    READS SQL DATA
BEGIN
  DECLARE n INT;
  SELECT COUNT(*) INTO n FROM `order` WHERE customer_id = c;
  RETURN n;
END ;;
DELIMITER ;

--
-- Current Database: `mysql`
--

CREATE DATABASE /*!32312 IF NOT EXISTS*/ `mysql` /*!40100 DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci */ /*!80016 DEFAULT ENCRYPTION='N' */;
USE `mysql`;
CREATE TABLE IF NOT EXISTS `innodb_index_stats` (`a` int) STATS_PERSISTENT=0;
INSERT INTO `innodb_index_stats` VALUES (1);

--
-- Current Database: `shop`
--

USE `shop`;

--
-- Final view structure for view `busy`
--

/*!50001 DROP VIEW IF EXISTS `busy`*/;
/*!50001 SET @saved_cs_client          = @@character_set_client */;
/*!50001 SET character_set_client      = utf8mb4 */;
/*!50001 SET collation_connection      = utf8mb4_0900_ai_ci */;
/*!50001 CREATE ALGORITHM=UNDEFINED */
/*!50013 DEFINER=`root`@`localhost` SQL SECURITY DEFINER */
/*!50001 VIEW `busy` AS select `c`.`name` AS `name`,count(0) AS `orders` from (`customer` `c` join `order` `o` on((`o`.`customer_id` = `c`.`id`))) where (`c`.`name` <> (_utf8mb4'definer = x' collate utf8mb4_0900_ai_ci)) group by `c`.`name` */;
/*!50001 SET character_set_client      = @saved_cs_client */;
CREATE USER 'app'@'%' IDENTIFIED WITH 'caching_sha2_password' AS '$A$005$secret' REQUIRE NONE;
GRANT SELECT, INSERT ON `shop`.* TO 'app'@'%';
SET @@SESSION.SQL_LOG_BIN = @MYSQLDUMP_TEMP_LOG_BIN;
/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;

/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;
/*!40014 SET FOREIGN_KEY_CHECKS=@OLD_FOREIGN_KEY_CHECKS */;
/*!40014 SET UNIQUE_CHECKS=@OLD_UNIQUE_CHECKS */;
/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;
/*!40101 SET CHARACTER_SET_RESULTS=@OLD_CHARACTER_SET_RESULTS */;
/*!40101 SET COLLATION_CONNECTION=@OLD_COLLATION_CONNECTION */;
/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;

-- Dump completed on 2026-01-03  4:05:06
